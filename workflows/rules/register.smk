# Results to the catalogue: checksums, sample, reference, software, configuration, quality and cost.
rule settings:
    output:
        config="results/config.yaml",
    log:
        "results/logs/settings.log",
    localrule: True
    conda:
        "../envs/genomehub.yaml"
    params:
        text=RUN.as_yaml(),
    message:
        "Write down the configuration as it is used"
    shell:
        "printf '%s' {params.text:q} > {output.config:q} 2> {log:q}"


if RUN.settings["catalogue"] is not None:

    rule catalogue:
        output:
            ready=touch("results/catalogue.ready"),
        log:
            "results/logs/catalogue.log",
        localrule: True
        conda:
            "../envs/genomehub.yaml"
        params:
            catalogue=RUN.settings["catalogue"],
        message:
            "Make sure that the catalogue {params.catalogue} is there"
        shell:
            "genomehub hub init --catalogue {params.catalogue:q} > {log:q} 2>&1"

    rule register:
        input:
            lambda wildcards: commands.register_inputs(RUN, wildcards.sample),
            ready="results/catalogue.ready",
            config="results/config.yaml",
        output:
            entry="results/samples/{sample}/{sample}.catalogue.json",
        log:
            "results/logs/register/{sample}.log",
        benchmark:
            "results/benchmarks/register/{sample}.tsv"
        localrule: True
        conda:
            "../envs/genomehub.yaml"
        threads: 4
        resources:
            catalogue_writer=1,
        params:
            arguments=lambda wildcards: commands.register(RUN, wildcards.sample),
        message:
            "{wildcards.sample}: register the results in the catalogue"
        shell:
            "genomehub hub register --threads {threads} {params.arguments} --config {input.config:q} --json"
            " > {output.entry:q} 2> {log:q}"
