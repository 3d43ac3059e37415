#!/usr/bin/env python3
"""Compares what `sotto predict` says with what the Python in the README.md of an exported model says.

Never a dependency: run it in an environment that is thrown away afterwards.

    python3 -m venv ENVIRONMENT && ENVIRONMENT/bin/pip install torch transformers==5.24.0 safetensors==0.8.0
    ENVIRONMENT/bin/python tests/tools/compare_export.py build/release/tools/sotto runs/reviews TEXTS

RUN is a run of texts in classes with a published encoder, TEXTS a file of one text a line. Python's own tokenizer makes
the ids. The bar is 1e-5 of a probability.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import torch
import transformers

BAR = 1e-5
sotto, run, texts = (str(pathlib.Path(p).resolve()) for p in sys.argv[1:4])
lines = [line for line in pathlib.Path(texts).read_text().splitlines() if line.strip()]

said = subprocess.run([sotto, "predict", run, "--input", "-", "--json"], input="\n".join(lines) + "\n",
                      capture_output=True, text=True, check=True).stdout
ours = torch.tensor([list(json.loads(line)["probabilities"].values()) for line in said.splitlines()],
                    dtype=torch.float64)

with tempfile.TemporaryDirectory() as scratch:
    folder = os.path.join(scratch, "model")
    subprocess.run([sotto, "export", run, "--to", "safetensors", "--output", folder], check=True, capture_output=True)
    readme = pathlib.Path(folder, "README.md").read_text()
    most = int(re.search(r"- max_tokens: (\d+)", readme).group(1))
    classes = json.loads(re.search(r"- classes: (.*)", readme).group(1))
    os.chdir(folder)
    names = {}
    exec(re.search(r"```python\n(.*?)```", readme, re.S).group(1), names)
    tokenizer = transformers.AutoTokenizer.from_pretrained(".")
    batch = tokenizer(lines, padding=True, truncation=True, max_length=most, return_tensors="pt")
    theirs = names["logits"](batch["input_ids"], batch["attention_mask"]).double().softmax(1)
    os.chdir("/")

assert list(json.loads(said.splitlines()[0])["probabilities"]) == classes, classes
difference = (ours - theirs).abs().max().item()
spread = (ours[:, 0].max() - ours[:, 0].min()).item()
print(f"{len(lines)} texts: probabilities differ by at most {difference:.2e}; they range over {spread:.2f}")
sys.exit(0 if difference < BAR and spread > 100 * BAR else 1)
