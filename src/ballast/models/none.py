"""Nothing: the place of a second model that is left empty."""

from typing import NoReturn

from ballast.networks.inputs import Inputs
from ballast.project.errors import UserError


def build(inputs: Inputs) -> NoReturn:
    """Refuse: only a second model can be none.

    Args:
        inputs: not used.

    Raises:
        UserError: always.
    """
    raise UserError(
        "params.yaml: model: none leaves nothing to train: only second_model can be none. Choose "
        "linear for texts, boosting for numeric columns, or another one of the README's table."
    )
