import numpy as np
from benchopt import BaseDataset


class Dataset(BaseDataset):
    name = "diagonal"
    parameters = {"condition": [10, 100]}  # noqa: RUF012  as benchopt has it

    def get_data(self):
        return {"H": np.diag(np.geomspace(1, self.condition, 10))}
