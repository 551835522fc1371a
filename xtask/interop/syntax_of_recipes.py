"""The syntax of the recipes that no test runs, by tree-sitter's grammars."""

import pathlib
import re
import sys
import warnings

import tree_sitter_c_sharp
import tree_sitter_dockerfile
import tree_sitter_powershell
import tree_sitter_yaml
from tree_sitter import Language, Parser

# Each language with what makes any text of it wrong: a judge that finds nothing wrong with that is none.
LANGUAGES = {
    "csharp": (tree_sitter_c_sharp, "foreach ( }"),
    "dockerfile": (tree_sitter_dockerfile, "RUNS what\n  is this"),
    "powershell": (tree_sitter_powershell, "@{ a = ( }"),
    "yaml": (tree_sitter_yaml, "a: [b\n c: }"),
}
warnings.simplefilter("ignore", DeprecationWarning)  # one grammar hands itself over in an older way
page = pathlib.Path(sys.argv[1]).read_text()

for name, (grammar, wrong) in LANGUAGES.items():
    parser = Parser(Language(grammar.language()))
    blocks = re.findall(rf"^```{name}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    if not blocks:
        raise SystemExit(f"{sys.argv[1]} has no {name}")
    for block in blocks:
        if parser.parse(block.encode()).root_node.has_error:
            raise SystemExit(f"this is not {name}:\n{block}")
        if not parser.parse(f"{block}\n{wrong}\n".encode()).root_node.has_error:
            raise SystemExit(f"the grammar of {name} finds nothing wrong with {wrong!r}")
    print(f"tree-sitter  {name:44} ok", flush=True)
