"""The small models' stored results as tables: beside the paper's figures."""

from __future__ import annotations

from benchmarks.kit.tables import Record, Table, lay_out, made_at

PAPER_KL_BITS = 19.2
PAPER_FACTORISED_BITS = 37.3
"""arXiv 1611.02731, section 4.1: the KL of a VLAE and of a VAE with a factorised decoder."""

SHOWN_STEPS = (256, 128, 64, 32)


def likelihood_table(record: Record) -> Table:
    """ELBO, KL and NLL of each shipped model, beside the paper's NLL."""
    found = record["results"].values()
    images = " to ".join(str(n) for n in sorted({row["importance_images"] for row in found}))
    samples = min(row["importance_samples"] for row in found)
    return lay_out(
        f"The paper's density estimation, whole test sets, nats an image; {made_at(record)}:",
        "model",
        record["results"],
        {
            "-ELBO": "{negative_elbo_nats:.2f}",
            "KL": "{kl_nats:.2f}",
            "NLL": "{nll_nats:.2f} +- {importance_gain_se_nats:.2f}",
            "the paper's": "{paper_nll_nats:.2f}",
            "comparable": "{comparable}",
        },
        [
            f"NLL: the ELBO less what {samples:,} importance samples gain on {images} images, with "
            "the standard error of that gain. The "
            "networks are the whole-number ones that files are coded with."
        ],
    )


def chain_table(record: Record) -> Table:
    """What chained bits-back coding of a test set costs."""
    return lay_out(
        f"Test sets in one chain of bits-back coding, every image restored exactly; "
        f"{made_at(record)}:",
        "model",
        {name: row["chain"] for name, row in record["results"].items()},
        {
            "images": "{images:,}",
            "bits/dim, all": "{bits_per_dimension:.4f}",
            "of it to start, bits": "{start_bits}",
            "ELBO, bits/dim": "{elbo_bits_per_dimension:.4f}",
            "above it": "{total_over_elbo_percent:+.2f} %",
        },
    )


def payload_table(record: Record) -> Table:
    """Bits of a single image's lossy payload, beside the KL that no file reaches."""
    rows = {}
    for name, result in record["results"].items():
        for kind in ("rounded", "dithered"):
            rows[f"{name}, {kind}"] = {
                "kl_bits": result["kl_bits"],
                "least": min(p["latent_bits"] + p["pixel_bits"] for p in result[kind]),
                **{f"step {p['step']}": p for p in result[kind]},
            }
    steps = [f"step {step}" for step in SHOWN_STEPS]
    return lay_out(
        "A single image, bits: what its latent costs, and what the pixels would then cost; steps "
        f"in 1/64 of the prior's deviation; {made_at(record)}:",
        "model",
        rows,
        {
            "KL": "{kl_bits:.1f}",
            **{s: f"{{{s}[latent_bits]:.1f}} + {{{s}[pixel_bits]:.1f}}" for s in steps},
            "whole image": "{least:.1f}",
        },
        [
            f"The paper gives a KL of {PAPER_KL_BITS} bits for MNIST, and {PAPER_FACTORISED_BITS} "
            "with a factorised decoder; neither is a file. Beside the payload a file has 30 bytes "
            "of header and checksums."
        ],
    )


def representation_table(record: Record) -> Table:
    """How well classes can be told from latents and from pixels."""
    rows = {
        f"{name}, {kind}": {"features": row["features"]}
        | {key: 100 * row[key] for key in ("linear_probe", "neighbours")}
        for name, result in record["results"].items()
        for kind, row in result["accuracy"].items()
    }
    images = sorted({row["training_images"] for row in record["results"].values()})
    return lay_out(
        f"Classes from the latent, learned on {' or '.join(f'{n:,}' for n in images)} training "
        f"images; {made_at(record)}:",
        "features",
        rows,
        {
            "how many": "{features}",
            "linear probe": "{linear_probe:.1f} %",
            f"{record['neighbours']} nearest neighbours": "{neighbours:.1f} %",
        },
        [
            "Windows: the small models of the comparison above, trained alike; none: a plain VAE. "
            "OMNIGLOT has 1,623 classes with 15 training images each or fewer, by other drawers."
        ],
    )


def ablation_table(record: Record) -> Table:
    """Models that differ in one thing, trained alike."""
    rows = {
        f"{preset}, {name}": row | {"millions": row["parameters"] / 1e6}
        for preset, models in record["results"].items()
        for name, row in models.items()
    }
    return lay_out(
        "The same training for models that differ in one thing (small ones, float), nats on the "
        f"test sets; {made_at(record)}:",
        "model",
        rows,
        {
            "-ELBO": "{negative_elbo_nats:.2f}",
            "KL": "{kl_nats:.2f}",
            "NLL": "{nll_nats:.2f}",
            "parameters": "{millions:.2f} M",
            "steps of 64": "{steps:,}",
        },
    )


def small_lossless_table(record: Record) -> Table:
    """Bits a dimension of other codecs' exact files."""
    rows = {
        f"{name}, {codec}": row
        for name, result in record["results"].items()
        for codec, row in result["bits_per_dimension"].items()
    }
    cells = {"one by one": "{one_by_one:.3f}", "one sheet": "{one_sheet:.3f}"}
    caption = f"Other codecs, lossless, whole files, bits a dimension; {made_at(record)}:"
    return lay_out(caption, "codec", rows, cells)
