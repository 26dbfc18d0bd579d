"""The small models' stored results as tables: beside the paper's figures."""

from __future__ import annotations

from benchmarks.kit.tables import Record, Table, made_at
from benchmarks.paper.bits_back import PAPER_FACTORISED_BITS, PAPER_KL_BITS

SHOWN_STEPS = (256, 128, 64, 32)


def likelihood_table(record: Record) -> Table:
    """ELBO, KL and NLL of each shipped model, beside the paper's NLL."""
    rows = [
        [
            name,
            f"{row['negative_elbo_nats']:.2f}",
            f"{row['kl_nats']:.2f}",
            f"{row['nll_nats']:.2f} +- {row['importance_gain_se_nats']:.2f}",
            f"{row['paper_nll_nats']:.2f}",
            row["comparable"],
        ]
        for name, row in record["results"].items()
    ]
    found = record["results"].values()
    images = " to ".join(str(n) for n in sorted({row["importance_images"] for row in found}))
    samples = min(row["importance_samples"] for row in found)
    return Table(
        f"The paper's density estimation, whole test sets, nats an image; {made_at(record)}:",
        ["model", "-ELBO", "KL", "NLL", "the paper's", "comparable"],
        rows,
        [
            f"NLL: the ELBO less what {samples:,} importance samples gain on {images} images, with "
            "the standard error of that gain. The "
            "networks are the whole-number ones that files are coded with."
        ],
    )


def chain_table(record: Record) -> Table:
    """Chained bits-back, and what a single image's latent costs."""
    rows = [
        [
            name,
            f"{row['chain']['images']:,}",
            f"{row['chain']['bits_per_dimension']:.4f}",
            f"{row['chain']['start_bits']}",
            f"{row['chain']['elbo_bits_per_dimension']:.4f}",
            f"{row['chain']['total_over_elbo_percent']:+.2f} %",
        ]
        for name, row in record["results"].items()
    ]
    return Table(
        f"Test sets in one chain of bits-back coding, every image restored exactly; "
        f"{made_at(record)}:",
        ["model", "images", "bits/dim, all", "of it to start, bits", "ELBO, bits/dim", "above it"],
        rows,
    )


def payload_table(record: Record) -> Table:
    """Bits of a single image's lossy payload, beside the KL that no file reaches."""
    columns = ["model", "KL", *(f"step {step}" for step in SHOWN_STEPS), "whole image"]
    rows = []
    for name, row in record["results"].items():
        for kind in ("rounded", "dithered"):
            found = {p["step"]: p for p in row[kind]}
            cells = [
                f"{found[step]['latent_bits']:.1f} + {found[step]['pixel_bits']:.1f}"
                for step in SHOWN_STEPS
            ]
            least = min(p["latent_bits"] + p["pixel_bits"] for p in row[kind])
            rows.append([f"{name}, {kind}", f"{row['kl_bits']:.1f}", *cells, f"{least:.1f}"])
    return Table(
        "A single image, bits: what its latent costs, and what the pixels would then cost; steps "
        f"in 1/64 of the prior's deviation; {made_at(record)}:",
        columns,
        rows,
        [
            f"The paper gives a KL of {PAPER_KL_BITS} bits for MNIST, and {PAPER_FACTORISED_BITS} "
            "with a factorised decoder; neither is a file. Beside the payload a file has 30 bytes "
            "of header and checksums."
        ],
    )


def representation_table(record: Record) -> Table:
    """How well classes can be told from latents and from pixels."""
    rows = [
        [
            f"{name}, {kind}",
            f"{row['features']}",
            f"{100 * row['linear_probe']:.1f} %",
            f"{100 * row['neighbours']:.1f} %",
        ]
        for name, result in record["results"].items()
        for kind, row in result["accuracy"].items()
    ]
    return Table(
        f"Classes from the latent, learned on {_images(record)} training images; "
        f"{made_at(record)}:",
        ["features", "how many", "linear probe", f"{record['neighbours']} nearest neighbours"],
        rows,
        [
            "Windows: the small models of the comparison above, trained alike; none: a plain VAE. "
            "OMNIGLOT has 1,623 classes with 15 training images each or fewer, by other drawers."
        ],
    )


def ablation_table(record: Record) -> Table:
    """Models that differ in one thing, trained alike."""
    rows = [
        [
            f"{preset}, {name}",
            f"{row['negative_elbo_nats']:.2f}",
            f"{row['kl_nats']:.2f}",
            f"{row['nll_nats']:.2f}",
            f"{row['parameters'] / 1e6:.2f} M",
            f"{row['steps']:,}",
        ]
        for preset, models in record["results"].items()
        for name, row in models.items()
    ]
    return Table(
        "The same training for models that differ in one thing (small ones, float), nats on the "
        f"test sets; {made_at(record)}:",
        ["model", "-ELBO", "KL", "NLL", "parameters", "steps of 64"],
        rows,
        [
            "cifar10: that preset, smaller, on 32 x 32 crops of photos, with soft free bits of 400 "
            "nats; the latent that must tell all colour (grey context) costs likelihood."
        ]
        if "cifar10" in record["results"]
        else [],
    )


def _images(record: Record) -> str:
    counts = {row["training_images"] for row in record["results"].values()}
    return " or ".join(f"{count:,}" for count in sorted(counts))
