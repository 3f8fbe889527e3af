"""The tables that a service's answers end in, one folder per method.

``emissions.parquet``    elicit: one row per generation, as in every run folder
``judgements.parquet``   introspect: source, face, and one likelihood in 0..1 per category
``syntheses.parquet``    synthesize: source, source_model, face, count, primary, others (lists of words), lexicon_version
"""

from kaomoji_lib.runs.files import read_parquet, sha256, write_parquet
from kaomoji_lib.runs.folder import RunFolder

TABLES = {"elicit": "emissions", "introspect": "judgements", "synthesize": "syntheses"}


class AnswerFolder(RunFolder):
    """A method's table and its manifest. Opened and verified as a :class:`RunFolder`."""

    def write(self, table, manifest):
        """Write the table of ``manifest['method']`` and then the manifest that vouches for it."""
        name = f"{TABLES[manifest['method']]}.parquet"
        write_parquet(self.path / name, table)
        self.write_manifest({**manifest, "files": {name: sha256(self.path / name)}})

    def table(self):
        """The method's table: DataFrame; empty, with its columns, while nothing is answered."""
        name = TABLES[self.manifest["method"]]
        return (
            self.emissions()
            if name == "emissions"
            else read_parquet(self._verified(f"{name}.parquet"), self._remedy)
        )

    @property
    def _anew(self):
        # The manifest, which names the method, may be what is damaged; the folder is named after it too.
        return f"run `kaomoji claude {self.path.name}` again; stored replies are not paid for twice"

    @property
    def _remedy(self):
        return self._anew
