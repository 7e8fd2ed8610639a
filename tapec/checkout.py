"""A checkout without symbolic links, as Git makes it where a system has none.

`tapec/passes` and `tapec/viz` are links to folders beside this package. Where they are
not, the folders are found where they stand. An installed package has them inside.
"""

import os
import sys

_FOLDER = os.path.dirname(__file__)

if not os.path.isdir(os.path.join(_FOLDER, "passes")):
    sys.modules[__package__].__path__.append(os.path.dirname(_FOLDER))
