"""A private step of Opacus and of sotto against a plain one; see compare_opacus.sh, which makes the environment for it.

    compare_opacus.py --sotto PROGRAM [--device cpu|cuda] [--batch N] [--pairs N] [--threads N]
                      [--models NAME,NAME,...] [--json FILE]

A step is reading the records, forward pass, gradient, noise where private, and the SGD update. In each round a plain step,
one by hooks and one by ghost clipping follow each other; a ratio is the median over the rounds of private / plain. Every
network is measured in a process of its own. Peak memory is the most bytes held through PyTorch's allocator during one step
above those before it: on the processor from the allocations and frees that torch.profiler records, on a CUDA device from
the allocator's statistics; sotto counts the same. On a device a step ends when the device has done its work. Opacus'
plain step is that of PyTorch, sotto's is that of LibTorch: each is compared with its own. Opacus has no attention and no
LSTM of PyTorch's own: there the private steps run the layers that it has instead. Prints a table in Markdown.
"""
import argparse
import json
import multiprocessing
import pathlib
import statistics
import subprocess
import sys
import time
import warnings

WARM_UP = 2
CLIP_NORM, NOISE_MULTIPLIER, LEARNING_RATE = 0.1, 1.0, 0.01
BATCHES = {"mlp": 512, "cnn": 512, "resnet20": 128, "encoder": 16, "lstm": 64, "embedding-bag": 256}
WAYS = ("hooks", "ghost")


def make_records(name, batch):
    import torch
    from opacus_networks import VOCABULARY

    if name in ("mlp", "cnn"):
        inputs, classes = torch.randn(batch, 1, 28, 28), 10
    elif name == "resnet20":
        inputs, classes = torch.randn(batch, 3, 32, 32), 10
    else:
        length = 128 if name == "encoder" else 64
        inputs, classes = torch.randint(10000 if name == "lstm" else VOCABULARY, (batch, length)), 2
    return inputs, torch.randint(classes, (batch,))


def make_step(name, way, records, device):
    """The function that takes one step: plain, hooks or ghost."""
    import torch
    from opacus_networks import make_network

    torch.manual_seed(1)
    network = make_network(name, private=way != "plain").train().to(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=LEARNING_RATE)
    criterion = torch.nn.CrossEntropyLoss()
    batch = len(records[1])
    if way != "plain":
        from opacus import PrivacyEngine

        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*records), batch_size=batch)
        parts = PrivacyEngine().make_private(module=network, optimizer=optimizer, criterion=criterion, data_loader=loader,
                                             noise_multiplier=NOISE_MULTIPLIER, max_grad_norm=CLIP_NORM,
                                             poisson_sampling=False, grad_sample_mode=way)
        network, optimizer = parts[0], parts[1]
        criterion = parts[2] if way == "ghost" else criterion
    everyone = torch.arange(batch)

    def step():
        inputs, labels = (part.index_select(0, everyone).to(device) for part in records)
        optimizer.zero_grad()
        criterion(network(inputs), labels).backward()
        optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()

    return step


def peak_bytes(step, device):
    import torch
    from torch.profiler import ProfilerActivity, profile

    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        return torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        step()
    changes = [(event.start_ns(), event.nbytes()) for event in recorded.profiler.kineto_results.events()
               if event.name() == "[memory]"]
    held = peak = 0
    for _, change in sorted(changes, key=lambda pair: pair[0]):
        held += change
        peak = max(peak, held)
    return peak


def timed(step):
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def measure(name, batch, device, pairs, threads):
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    records = make_records(name, batch)
    steps, errors = {"plain": make_step(name, "plain", records, device)}, {}
    for way in WAYS:
        try:
            step = make_step(name, way, records, device)
            step()
            steps[way] = step
        except Exception as error:  # whatever it is, it is the answer
            errors[way] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    rounds = []
    for count in range(-WARM_UP, pairs):
        seconds = {way: timed(step) for way, step in steps.items()}
        if count >= 0:
            rounds.append(seconds)
    answers = {way: {"error": error} for way, error in errors.items()}
    for way, step in steps.items():
        answers[way] = {"seconds": statistics.median(seconds[way] for seconds in rounds),
                        "ratio": statistics.median(seconds[way] / seconds["plain"] for seconds in rounds),
                        "peak_bytes": peak_bytes(step, device)}
    return answers


def measure_in_child(channel, *what):
    warnings.filterwarnings("ignore")
    channel.send(measure(*what))


def ask_opacus(*what):
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.Process(target=measure_in_child, args=(theirs, *what))
    child.start()
    theirs.close()
    try:
        answers = ours.recv()
    except EOFError:
        answers = {way: {"error": "the process ended without an answer"} for way in ("plain", *WAYS)}
    child.join()
    return answers


def ask_sotto(program, name, batch, device, pairs, threads):
    words = [program, "bench", "step", "--model", name, "--batch", str(batch), "--device", device, "--pairs", str(pairs),
             "--threads", str(threads), "--json"]
    answer = json.loads(subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout)
    return {"plain sotto": {"seconds": answer["seconds_plain"], "ratio": 1.0, "peak_bytes": answer["peak_bytes_plain"]},
            "sotto": {"seconds": answer["seconds_private"], "ratio": answer["ratio_time"],
                      "peak_bytes": answer["peak_bytes_private"]}}


def cell(answer, plain):
    if "error" in answer:
        return answer["error"].replace("|", "/")[:60]
    text = f"{answer['seconds'] * 1e3:.1f} ms, {answer['peak_bytes'] / 1e6:.0f} MB"
    if answer is plain:
        return text
    return f"**{answer['ratio']:.2f}**, {text} ({answer['peak_bytes'] / max(1, plain['peak_bytes']):.2f})"


def print_table(answers):
    print("| model | PyTorch plain | Opacus hooks | Opacus ghost | LibTorch plain | sotto |")
    print("|---|---|---|---|---|---|")
    for name, row in answers.items():
        theirs = [cell(row[way], row["plain"]) for way in ("plain", *WAYS)]
        ours = [cell(row[way], row["plain sotto"]) for way in ("plain sotto", "sotto")]
        print(f"| {name} | {' | '.join(theirs + ours)} |")
    print("\nPrivate steps: **private / plain**, time, peak memory (private / plain).")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sotto", required=True)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--batch", type=int, help="records of a step (default: those of the table of sotto bench step)")
    parser.add_argument("--pairs", type=int, default=15, help="rounds, 7 to 1000")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--models", default=",".join(BATCHES))
    parser.add_argument("--json", help="write all answers to this file")
    options = parser.parse_args()
    names = options.models.split(",")
    unknown = [name for name in names if name not in BATCHES]
    if unknown or not 7 <= options.pairs <= 1000:
        parser.error(f"unknown model {unknown[0]}; allowed are {', '.join(BATCHES)}" if unknown
                     else f"--pairs {options.pairs}; allowed is 7 to 1000")
    multiprocessing.set_start_method("spawn")
    answers = {}
    for name in names:
        print(f"compare_opacus: {name}", file=sys.stderr)
        what = name, options.batch or BATCHES[name], options.device, options.pairs, options.threads
        answers[name] = ask_opacus(*what)
        answers[name].update(ask_sotto(options.sotto, *what))
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(answers, indent=2) + "\n", encoding="utf-8")
    print_table(answers)


if __name__ == "__main__":
    main()
