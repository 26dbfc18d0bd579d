"""CIFAR-10's stored results as tables."""

from __future__ import annotations

import math

from benchmarks.kit.tables import Record, Table, lay_out, made_at

PAPER_BITS = {"the paper's ResNet VLAE": 3.04, "the paper's DenseNet VLAE": 2.95}
"""arXiv 1611.02731, table 4: on all 10,000 test images."""

DIMENSIONS = 3 * 32 * 32


def density_table(record: Record) -> Table:
    """The shipped model as a bound, as a likelihood and as one chain, beside the paper's."""
    found, chain = record["likelihood"], record["chain"]
    error = bits_per_dimension(found["importance_gain_se_nats"])
    samples, sampled = found["importance_samples"], found["importance_images"]
    measured = {
        "-ELBO": found["elbo_bits_per_dimension"],
        f"NLL, {samples} importance samples": found["nll_bits_per_dimension"],
        "one chain of all images": chain["net_bits_per_dimension"],
        "one chain, with the bits that it starts with": chain["bits_per_dimension"],
    }
    rows = [[name, f"{bits:.3f}"] for name, bits in measured.items()]
    nll = found["nll_bits_per_dimension"]
    behind = " and ".join(f"{nll - bits:.2f}" for bits in PAPER_BITS.values())
    rows += [[name, f"{bits:.2f}"] for name, bits in PAPER_BITS.items()]
    return Table(
        f"CIFAR-10, the first {found['test_images']:,} test images, bits a dimension; `cifar10` "
        f"{record['fingerprint']}, {made_at(record)}:",
        ["what", "bits/dim"],
        rows,
        [
            f"KL {found['kl_nats']:.0f} nats. Every image of the chain is restored exactly. NLL: "
            f"the ELBO less what importance samples gain on {sampled:,} of the images (standard "
            f"error {error:.4f}). The paper's are of all 10,000 test images; the NLL is {behind} "
            "bits above them."
        ],
    )


def classes_table(record: Record) -> Table:
    """How well classes can be told from the latent and from pixels."""
    found = record["representation"]
    return lay_out(
        f"CIFAR-10's ten classes, learned on {found['training_images']:,} training images; "
        f"`cifar10` {record['fingerprint']}, {made_at(record)}:",
        "features",
        found["accuracy"],
        {
            "how many": "{features:,}",
            "linear probe": "{linear_probe:.1%}",
            "5 nearest neighbours": "{neighbours:.1%}",
        },
    )


def colour_ablation_table(record: Record) -> Table:
    """Smaller models of CIFAR-10 that differ in one thing, trained alike."""
    found, importance = record["results"]["cifar10"], record["importance"]
    rows = {
        name: {
            "elbo": bits_per_dimension(row["negative_elbo_nats"]),
            "nll": bits_per_dimension(row["nll_nats"]),
            "se": bits_per_dimension(row["importance_gain_se_nats"]),
            "pixels": bits_per_dimension(row["reconstruction_nats"]),
            "kl_nats": row["kl_nats"],
            "millions": row["parameters"] / 1e6,
        }
        for name, row in found.items()
    }
    steps = min(row["steps"] for row in found.values())
    return lay_out(
        f"CIFAR-10, smaller models that differ in one thing, {steps:,} steps of 64 images each "
        f"(short runs), test images, bits a dimension; {made_at(record)}:",
        "model",
        rows,
        {
            "-ELBO": "{elbo:.3f}",
            "NLL": "{nll:.3f} +- {se:.3f}",
            "of the ELBO, pixels": "{pixels:.3f}",
            "KL, nats": "{kl_nats:.0f}",
            "parameters": "{millions:.2f} M",
        },
        [
            "Soft free bits of 200 nats in all. Where nothing else is said: a window of 7x4 pixels "
            "in colour, an AF prior. NLL: the ELBO less what "
            f"{importance['samples']} importance samples gain on {importance['images']} images, "
            "with the standard error of that gain. A factorised decoder keeps the AF prior; passes "
            "cost as many multiplications as a window of 7x4."
        ],
    )


def bits_per_dimension(nats: float) -> float:
    """Of an image's nats."""
    return nats / math.log(2) / DIMENSIONS
