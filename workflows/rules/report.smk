# One page for the whole run, and the check that every result is there.
rule report:
    input:
        RUN.report_inputs(),
        config="results/config.yaml",
    output:
        page=report("results/report.html", caption="../report/run.rst", category="Run"),
    log:
        "results/logs/report.log",
    benchmark:
        "results/benchmarks/report.tsv"
    conda:
        "../envs/genomehub.yaml"
    resources:
        mem_mb=4_000,
        runtime=30,
    params:
        price=RUN.settings["price_per_core_hour"],
        reference=commands.reference_cost(RUN),
    message:
        "Write the report of the run"
    shell:
        "genomehub report --price-per-core-hour {params.price} {params.reference} -o {output.page:q} results > {log:q} 2>&1"


rule complete:
    input:
        RUN.all_outputs(),
        config="results/config.yaml",
    output:
        table="results/complete.tsv",
    log:
        "results/logs/complete.log",
    localrule: True
    conda:
        "../envs/genomehub.yaml"
    message:
        "Check that every result is there and whole"
    shell:
        "genomehub run --check {input.config:q} > {output.table:q} 2> {log:q}"
