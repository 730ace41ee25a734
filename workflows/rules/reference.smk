# FASTA to a reference directory: packed bases, seed index, digests. Left out if one is given.
if RUN.genome is not None:

    rule reference:
        input:
            fasta=RUN.genome,
        output:
            reference=directory(RUN.reference),
            cost=RUN.reference_cost,
        log:
            "results/logs/reference.log",
        benchmark:
            "results/benchmarks/reference.tsv"
        conda:
            "../envs/genomehub.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: RUN.memory_mb * attempt,
            runtime=lambda wildcards, attempt: 120 * attempt,
        message:
            "Build the reference directory {output.reference} from {input.fasta}"
        shell:
            "genomehub --cost {output.cost:q} reference build"
            " -o {output.reference:q} {input.fasta:q} > {log:q} 2>&1"
