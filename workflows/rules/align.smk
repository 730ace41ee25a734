# FASTQ of all lanes of a sample to one sorted, duplicate-marked, indexed BAM or CRAM.
rule align:
    input:
        reference=RUN.reference,
        reads=lambda wildcards: commands.reads(RUN, wildcards.sample),
    output:
        alignments=f"results/samples/{{sample}}/{{sample}}.{RUN.alignment_suffix}",
        index=f"results/samples/{{sample}}/{{sample}}.{RUN.alignment_suffix}.{RUN.index_suffix}",
        duplicates="results/samples/{sample}/{sample}.duplicates.txt",
        cost="results/samples/{sample}/cost/align.json",
    log:
        "results/logs/align/{sample}.log",
    benchmark:
        "results/benchmarks/align/{sample}.tsv"
    conda:
        "../envs/genomehub.yaml"
    threads: 16
    resources:
        mem_mb=lambda wildcards, attempt: RUN.memory_mb * attempt,
        runtime=lambda wildcards, attempt: 720 * attempt,
    params:
        lanes=lambda wildcards: commands.lanes(RUN, wildcards.sample),
        aligner=commands.aligner(RUN),
    message:
        "{wildcards.sample}: align reads, sort, mark duplicates"
    shell:
        "genomehub --cost {output.cost:q} align --threads {threads} -r {input.reference:q}"
        " --sample {wildcards.sample:q} -o {output.alignments:q} --metrics {output.duplicates:q}"
        " {params.aligner} {params.lanes} > {log:q} 2>&1"
