#!/usr/bin/env python3
"""Compares logits of adapted text classifiers with those of Python's PEFT and transformers, both ways.

Never a dependency: run it in an environment that is thrown away afterwards.

    tools/fetch_data.sh minilm
    cmake --build build/release --target peft_logits
    python3 -m venv ENVIRONMENT && ENVIRONMENT/bin/pip install torch peft==0.21.2 transformers==5.24.0 safetensors==0.8.0
    ENVIRONMENT/bin/python tests/models/compare_peft.py build/release/tests/models/peft_logits data-cache/minilm

A folder of ours is loaded by the Python that stands in its README.md; a folder of PEFT's with a head is read by us. The
bar is 1e-4 of a logit, and the adapter must change the logits by more than a hundred times that.
"""
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import warnings

import peft
import safetensors
import torch
import transformers
from safetensors.torch import save_file

BAR = 1e-4
program, model = (str(pathlib.Path(p).resolve()) for p in sys.argv[1:3])
draw = random.Random(1)
TEXTS = [[101] + [draw.randint(1000, 30521) for _ in range(n)] + [102] for n in (1, 7, 30, 126, 3, 64)]


def ours(what, folder, pooling):
    lines = "".join(" ".join(map(str, ids)) + "\n" for ids in TEXTS)
    output = subprocess.run([program, what, model, folder, pooling], input=lines, capture_output=True, text=True)
    if output.returncode != 0:
        sys.exit(output.stderr)
    return torch.tensor([[float(x) for x in line.split()] for line in output.stdout.splitlines()])


def batch():
    length = max(map(len, TEXTS))
    ids = torch.tensor([t + [0] * (length - len(t)) for t in TEXTS])
    mask = torch.tensor([[1] * len(t) + [0] * (length - len(t)) for t in TEXTS])
    return ids, mask


def readme(folder):
    """The names that the README's Python defines, run in the folder as it says."""
    code = re.search(r"```python\n(.*?)```", pathlib.Path(folder, "README.md").read_text(), re.S).group(1)
    names, here = {}, os.getcwd()
    os.chdir(folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # of missing or unknown keys, among others
            exec(code, names)
    finally:
        os.chdir(here)
    return names


def report(name, theirs, mine, least_change=None):
    worst = (theirs - mine).abs().max().item()
    text = "%-44s largest difference %.2g of logits up to %.2g" % (name, worst, mine.abs().max().item())
    if least_change is not None:
        text += "; without the adapter %.2g" % least_change
    print(text)
    return worst <= BAR and (least_change is None or least_change > 100 * BAR)


print("torch", torch.__version__, "peft", peft.__version__, "transformers", transformers.__version__, "safetensors",
      safetensors.__version__)
good = True
with tempfile.TemporaryDirectory() as scratch:
    for pooling in ("mean", "layers", "first"):
        folder = os.path.join(scratch, "ours_" + pooling)
        mine = ours("write", folder, pooling)
        names = readme(folder)
        encoder, logits = names["encoder"], names["logits"]
        ids, mask = batch()
        with encoder.disable_adapter():
            change = (logits(ids, mask) - mine).abs().max().item()
        good &= report("our folder, %s, a batch" % pooling, logits(ids, mask), mine, change)
        alone = torch.cat([logits(torch.tensor([t]), torch.ones(1, len(t))) for t in TEXTS])
        good &= report("our folder, %s, one by one" % pooling, alone, mine)
        stored = set(peft.get_peft_model_state_dict(encoder))
        held = set(safetensors.safe_open(os.path.join(folder, "adapter_model.safetensors"), "pt").keys())
        print("tensors of the adapter: %d in the file, %d in PEFT's model" % (len(held), len(stored)))
        good &= stored == held
        good &= isinstance(peft.AutoPeftModelForFeatureExtraction.from_pretrained(folder), peft.PeftModelForFeatureExtraction)
        merged = encoder.merge_and_unload()
        states = [s.detach() for s in merged(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states]
        means = [torch.stack([s[i, :len(t)].mean(0) for i, t in enumerate(TEXTS)]) for s in states]
        vectors = {"mean": means[-1], "layers": torch.cat([m / m.norm(dim=1, keepdim=True) for m in means], 1),
                   "first": states[-1][:, 0]}[pooling]
        head = names["head"]
        good &= report("our folder, %s, merged by PEFT" % pooling,
                       torch.nn.functional.linear(vectors, head["weight"], head["bias"]), mine)

    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        torch.manual_seed(3)
        base = transformers.AutoModel.from_pretrained(model)
        config = peft.LoraConfig(r=5, lora_alpha=7, target_modules=["query", "key", "intermediate.dense"],
                                 task_type="FEATURE_EXTRACTION")
        encoder = peft.get_peft_model(base, config).eval()
        for name, parameter in encoder.named_parameters():
            if "lora_" in name:
                torch.nn.init.normal_(parameter, 0.0, 0.1)
                parameter.data = parameter.data.to(dtype).to(torch.float32)
        head = {"weight": torch.randn(3, 384), "bias": torch.randn(3)}
        folder = os.path.join(scratch, "theirs_" + str(dtype))
        encoder.save_pretrained(folder)
        factors = {k: v.to(dtype) for k, v in peft.get_peft_model_state_dict(encoder).items()}
        save_file(factors, os.path.join(folder, "adapter_model.safetensors"), {"format": "pt"})
        save_file(head, os.path.join(folder, "classifier.safetensors"), {"pooling": "mean"})
        ids, mask = batch()
        with torch.no_grad():
            states = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
            vectors = (states * mask[..., None]).sum(1) / mask.sum(1)[:, None]
            theirs = torch.nn.functional.linear(vectors, head["weight"], head["bias"])
        good &= report("PEFT's folder, %s" % dtype, theirs, ours("read", folder, "mean"))
print("all within %g" % BAR if good else "NOT the same")
sys.exit(0 if good else 1)
