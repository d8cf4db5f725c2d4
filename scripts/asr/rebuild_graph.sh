#!/bin/bash
# Vocabulary, lexicon and language model anew from rasa_project's sentences, under the acoustic model there is.
# Minutes; needs espeak-ng, mbrola-fr1 (for its phone names only), libfst-tools, wfrench, hunspell,
# hunspell-fr-classical and a Python with kaldifst,
# wordfreq and PyYAML, but neither torch nor speech.
#   scripts/asr/rebuild_graph.sh [MODEL_DIR [WORK_DIR]]
# What a town's bot learns is none of its business: learn_words.py, which trainings run by themselves.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
model=$(realpath -m "${1:-$here/../../callbot/speech/models/fr-telephone}")
work=$(realpath -m "${2:-/tmp/asr-work}")
python=${PYTHON:-python3}
export LC_ALL=C.UTF-8 PYTHONHASHSEED=0
started=$SECONDS
step() { echo "== $* (+$((SECONDS - started)) s)"; }

mkdir -p "$work"
new=$(mktemp -d "$work/graph.XXXXXX")
trap 'rm -rf "$new"' EXIT

step "sentences and vocabulary"
"$python" "$here/text.py" "$work/text"
{ cut -f1 "$work/text/vocabulary.tsv"; cat "$work"/text/{domain,closed,general}.txt | tr ' ' '\n'; } \
  | grep . | sort -u > "$work/words.txt"
step "pronunciations"
"$python" "$here/lexicon.py" "$work/words.txt" "$work/lexicon.txt" \
  --sentences "$work/text/domain.txt" "$work/text/general.txt"
step "decoding graph"
"$python" "$here/graph.py" "$work/text" "$work/lexicon.txt" "$new" --work "$work/graph"
step "exchange"
mkdir -p "$model"
rm -rf "$model/graph.old"
[ ! -d "$model/graph" ] || mv "$model/graph" "$model/graph.old"
mv "$new/graph" "$model/graph"
rm -rf "$model/graph.old"
du -sh "$model"
step "done"
