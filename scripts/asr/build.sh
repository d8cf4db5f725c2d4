#!/bin/bash
# The whole French telephone model from nothing: texts, synthetic speech, features, network, Vosk folder.
#   scripts/asr/build.sh [MODEL_DIR [WORK_DIR]]
# Environment: THREADS (of the training, 1: two threads stall each other when the second core is busy), PYTHON
# (a Python with scripts/asr/requirements.txt), SPEECH, FOREIGN, FORMANT and STATISTICAL (utterances of each run),
# UNITS, CE_EPOCHS, MMI_EPOCHS. About two hours and a half on one core.
# Debian packages: espeak-ng libfst-tools sox wfrench hunspell hunspell-fr-classical, and from contrib and non-free
# mbrola and mbrola-V for every V of `voices` below, libttspico-utils, flite, rhvoice rhvoice-russian rhvoice-ukrainian
# rhvoice-kyrgyz rhvoice-esperanto (for the test callers also mbrola-fr4 mbrola-fr5).
# A finished step is not repeated: remove WORK_DIR to begin anew.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
model=$(realpath -m "${1:-$here/../../callbot/speech/models/fr-telephone}")
work=$(realpath -m "${2:-/tmp/asr-work}")
python=${PYTHON:-python3}
export LC_ALL=C.UTF-8 PYTHONHASHSEED=0
started=$SECONDS
# step FILE COMMAND...: run the command, which writes FILE.partial, unless FILE is there
step() {
  local file=$1
  shift
  if [ -e "$file" ]; then echo "== $(basename "$file") is there"; return; fi
  echo "== $(basename "$file") (+$((SECONDS - started)) s)"
  "$@"
  mv "$file.partial" "$file"
}
for tool in espeak-ng mbrola sox fstcompile pico2wave flite RHVoice-test; do
  command -v "$tool" > /dev/null || { echo "$tool is missing: see the packages at the top of $0" >&2; exit 1; }
done
voices="fr1 fr2 fr3 fr6 fr7 ca1 ca2
  af1 bz1 cz1 cz2 de1 de2 de3 de4 de5 de6 de7 hb2 hu1 it3 it4 nl2 nl3 pl1 tr1 tr2"
for voice in $voices; do
  [ -d "/usr/share/mbrola/$voice" ] || { echo "mbrola-$voice is missing" >&2; exit 1; }
done
mkdir -p "$work" "$model"

step "$work/text" "$python" "$here/text.py" "$work/text.partial" --spoken 20000
for i in 1 2 3; do
  step "$work/speech$i.pkl" "$python" "$here/synth.py" mbrola "$work/text/spoken.txt" "$work/speech$i.pkl.partial" \
    --count "${SPEECH:-6500}" --seed $i
done
step "$work/speech4.pkl" "$python" "$here/synth.py" formant "$work/text/spoken.txt" "$work/speech4.pkl.partial" \
  --count "${FORMANT:-4000}" --seed 1
for i in 5 6; do
  step "$work/speech$i.pkl" "$python" "$here/synth.py" foreign "$work/text/spoken.txt" "$work/speech$i.pkl.partial" \
    --count "${FOREIGN:-7000}" --seed $((i + 6))
done
for i in 1 2 3 4 5 6; do
  step "$work/features$i.pkl" "$python" "$here/features.py" "$work/features$i.pkl.partial" "$work/speech$i.pkl" --seed $i
done
train() {
  THREADS=${THREADS:-1} "$python" "$here/train.py" "$1.partial" "${@:2}" --units "${UNITS:-384}"
}
step "$work/exact.pt" train "$work/exact.pt" "$work"/features{1,2,3,4,5,6}.pkl \
  --ce-epochs "${CE_EPOCHS:-5}" --mmi-epochs "${MMI_EPOCHS:-2}"
# Statistical voices tell no phone times: the network so far finds them, then learns from all.
i=7
for kind in rhvoice svox flite; do
  step "$work/speech$i.pkl" "$python" "$here/synth_statistical.py" $kind "$work/text/spoken.txt" \
    "$work/speech$i.pkl.partial" --aligner "$work/exact.pt" --count "${STATISTICAL:-4500}" --seed $i
  step "$work/features$i.pkl" "$python" "$here/features.py" "$work/features$i.pkl.partial" "$work/speech$i.pkl" --seed $i
  i=$((i + 1))
done
step "$work/network.pt" train "$work/network.pt" "$work"/features{1,2,3,4,5,6,7,8,9}.pkl --start "$work/exact.pt" \
  --ce-epochs 3 --mmi-epochs 1
# Most voices are men's: the network expects callers half-way to women (see tract.py).
step "$work/callers.pt" "$python" "$here/tract.py" "$work/callers.pt.partial" "$work/network.pt" --lower 1.07 --upper 0.91
"$python" "$here/export.py" "$work/callers.pt" "$model"
PYTHON=$python "$here/rebuild_graph.sh" "$model" "$work"
echo "== all done in $((SECONDS - started)) s; error rates: $python $here/evaluate.py $model --work $work \\"
echo "     --sets own=$here/test_sentences.txt"
