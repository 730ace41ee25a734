# What the data are worth: metrics for every sample, a score where a truth is given.
rule qc:
    input:
        lambda wildcards: commands.quality_inputs(RUN, wildcards.sample),
        unpack(lambda wildcards: RUN.alignment_inputs(wildcards.sample)),
        reference=RUN.reference,
        calls="results/samples/{sample}/{sample}.vcz",
    output:
        folder=report(
            directory("results/samples/{sample}/qc"),
            htmlindex="qc.html",
            caption="../report/qc.rst",
            category="Quality",
            labels={"sample": "{sample}"},
        ),
        cost="results/samples/{sample}/cost/qc.json",
    log:
        "results/logs/qc/{sample}.log",
    benchmark:
        "results/benchmarks/qc/{sample}.tsv"
    conda:
        "../envs/genomehub.yaml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, attempt: RUN.memory_mb * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        extras=lambda wildcards: commands.quality(RUN, wildcards.sample),
    message:
        "{wildcards.sample}: measure quality"
    shell:
        "genomehub --cost {output.cost:q} qc --threads {threads} -r {input.reference:q}"
        " --bam {input.alignments:q} --calls {input.calls:q} {params.extras} -o {output.folder:q} > {log:q} 2>&1"


rule evaluate:
    input:
        unpack(lambda wildcards: commands.truth(RUN, wildcards.sample)),
        reference=RUN.reference,
        calls="results/samples/{sample}/{sample}.vcz",
    output:
        evaluation=report(
            "results/samples/{sample}/{sample}.evaluation.json",
            caption="../report/evaluation.rst",
            category="Accuracy",
            labels={"sample": "{sample}"},
        ),
        cost="results/samples/{sample}/cost/evaluate.json",
    log:
        "results/logs/evaluate/{sample}.log",
    benchmark:
        "results/benchmarks/evaluate/{sample}.tsv"
    conda:
        "../envs/genomehub.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: RUN.memory_mb * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        confident=lambda wildcards: commands.confident(RUN, wildcards.sample),
    message:
        "{wildcards.sample}: score the calls against {input.truth}"
    shell:
        "genomehub --cost {output.cost:q} evaluate --threads {threads} -r {input.reference:q}"
        " --truth {input.truth:q} {params.confident} --json {output.evaluation:q} {input.calls:q} > {log:q} 2>&1"
