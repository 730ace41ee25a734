# Alignments to genotypes in VCF Zarr, with the exports that the configuration asks for.
rule call:
    input:
        unpack(lambda wildcards: RUN.alignment_inputs(wildcards.sample)),
        reference=RUN.reference,
    output:
        **RUN.exports(),
        calls=directory("results/samples/{sample}/{sample}.vcz"),
        cost="results/samples/{sample}/cost/call.json",
    log:
        "results/logs/call/{sample}.log",
    benchmark:
        "results/benchmarks/call/{sample}.tsv"
    conda:
        "../envs/genomehub.yaml"
    threads: 16
    resources:
        mem_mb=lambda wildcards, attempt: RUN.memory_mb * attempt,
        runtime=lambda wildcards, attempt: 480 * attempt,
    params:
        exports=lambda wildcards: commands.exports(RUN, wildcards.sample),
        regions=commands.regions(RUN),
        sex=lambda wildcards: commands.sex(RUN, wildcards.sample),
    message:
        "{wildcards.sample}: call variants"
    shell:
        "genomehub --cost {output.cost:q} call --threads {threads} -r {input.reference:q}"
        " --sample {wildcards.sample:q} -o {output.calls:q} {params.exports} {params.regions} {params.sex} {input.alignments:q} > {log:q} 2>&1"
