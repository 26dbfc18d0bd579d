"""The causal window of the local decoder: which decoded pixels a pixel may depend on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Window:
    """The window "AxB" of VLAE (arXiv 1611.02731, section 4.1).

    `width` (A, odd) by `height` (B) pixels right above, centred, and (A - 1) / 2 pixels to the
    left. The smaller it is, the less a local decoder can know, and the more the latent must tell.
    """

    width: int
    height: int

    @property
    def reach(self) -> int:
        """Pixels to either side, and how many pixels to the left on the same row."""
        return self.width // 2

    @property
    def size(self) -> int:
        """How many pixels the window holds."""
        return self.width * self.height + self.reach

    @property
    def slope(self) -> int:
        """Pixels with equal column + slope * row see nothing of each other: a wavefront."""
        return self.reach + 1

    def steps(self, height: int, width: int) -> int:
        """How many wavefronts cover an image."""
        return width + self.slope * (height - 1)

    def gather(self, image: NDArray[Any]) -> NDArray[Any]:
        """Every pixel's window, beyond the borders zeros: [N, H, W, C] to [N, H, W, size * C].

        Rows from the top, left to right, each pixel's channels together.
        """
        reach, rows = self.reach, self.height
        height, width = image.shape[1:3]
        padded = np.pad(image, ((0, 0), (rows, 0), (reach, reach), (0, 0)))
        places = [(dy, dx) for dy in range(rows) for dx in range(self.width)]
        places += [(rows, dx) for dx in range(reach)]
        parts = [padded[:, dy : dy + height, dx : dx + width] for dy, dx in places]
        return np.concatenate([*parts, image[..., :0]], axis=-1)
