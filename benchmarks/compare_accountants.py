"""Asks sotto and other accountants the same questions; see compare_accountants.sh, which makes the environment for it.

    compare_accountants.py --sotto PROGRAM [--questions FILE] [--width W] [--timeout SECONDS] [--json FILE]

Every answer is computed in a process of its own, with imports done before the clock starts. Prints two tables in Markdown.
"""
import argparse
import csv
import importlib.util
import json
import math
import multiprocessing
import pathlib
import resource
import statistics
import subprocess
import sys
import time
import types
import warnings

REPEAT_SECONDS = 1.0
MOST_RUNS = 9
MEMORY_BYTES = 8 << 30


class Question:
    def __init__(self, row):
        self.label = row["label"]
        self.rate, self.noise, self.steps = float(row["q"]), float(row["sigma"]), int(row["T"])
        self.words = (row["q"], row["sigma"], row["T"], row["delta"])
        self.delta = float(row["delta"])
        self.exact, self.tolerance = float(row["eps_max"]), float(row["tol"])


def read_questions(path):
    with open(path, encoding="utf-8") as file:
        lines = [line for line in file if line.strip() and not line.startswith("#")]
    return [Question(row) for row in csv.DictReader(lines)]


# The peers. Each takes a question and returns (lower or None, upper), with the settings that the package itself
# suggests.


def dp_accounting_event(question):
    import dp_accounting

    step = dp_accounting.PoissonSampledDpEvent(question.rate, dp_accounting.GaussianDpEvent(question.noise))
    return dp_accounting.SelfComposedDpEvent(step, question.steps)


def dp_accounting_rdp(question):
    from dp_accounting.rdp import RdpAccountant

    return None, RdpAccountant().compose(dp_accounting_event(question)).get_epsilon(question.delta)


def dp_accounting_pld(question):
    from dp_accounting.pld import PLDAccountant

    return None, PLDAccountant().compose(dp_accounting_event(question)).get_epsilon(question.delta)


def prv_accountant(question):
    from prv_accountant import PoissonSubsampledGaussianMechanism, PRVAccountant

    mechanism = PoissonSubsampledGaussianMechanism(
        sampling_probability=question.rate, noise_multiplier=question.noise
    )
    accountant = PRVAccountant(
        prvs=[mechanism],
        max_self_compositions=[question.steps],
        eps_error=0.1,
        delta_error=question.delta / 1000,
    )
    lower, _, upper = accountant.compute_epsilon(question.delta, [question.steps])
    return lower, upper


def opacus_accountants():
    """opacus.accountants without the rest of opacus, which needs torch: its arithmetic is numpy and scipy alone."""
    if "opacus" not in sys.modules:
        package = types.ModuleType("opacus")
        package.__path__ = list(importlib.util.find_spec("opacus").submodule_search_locations)
        sys.modules["opacus"] = package
        optimizers = types.ModuleType("opacus.optimizers")
        optimizers.DPOptimizer = object
        sys.modules["opacus.optimizers"] = optimizers
    import opacus.accountants

    return opacus.accountants


def opacus_rdp(question):
    accountant = opacus_accountants().RDPAccountant()
    accountant.history = [(question.noise, question.rate, question.steps)]
    return None, accountant.get_epsilon(question.delta)


def opacus_prv(question):
    accountant = opacus_accountants().PRVAccountant()
    accountant.history = [(question.noise, question.rate, question.steps)]
    return None, accountant.get_epsilon(question.delta)


# name: (function, the methods of sotto that it is timed against). "certified" is the answer by default, from all engines;
# "engine" is the fastest of the certified engines on this question.
EXACT, RENYI = ("certified", "engine"), ("rdp", "rdp")
PEERS = {
    "dp-accounting PLD": (dp_accounting_pld, EXACT),
    "prv-accountant": (prv_accountant, EXACT),
    "Opacus PRV": (opacus_prv, EXACT),
    "dp-accounting RDP": (dp_accounting_rdp, RENYI),
    "Opacus RDP": (opacus_rdp, RENYI),
}


def warm(name):
    """Imports and first use, so that neither is timed."""
    easy = types.SimpleNamespace(label="", rate=0.1, noise=2.0, steps=2, delta=1e-3)
    PEERS[name][0](easy)


def timed(compute):
    seconds = []
    while not seconds or (len(seconds) < MOST_RUNS and sum(seconds) < REPEAT_SECONDS):
        start = time.perf_counter()
        answer = compute()
        seconds.append(time.perf_counter() - start)
    return answer, statistics.median(seconds)


def ask_in_child(name, question, channel):
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    try:
        (lower, upper), seconds = timed(lambda: PEERS[name][0](question))
        channel.send({"lower": None if lower is None else float(lower), "upper": float(upper), "seconds": seconds})
    except BaseException as error:  # whatever it is, it is the answer
        channel.send({"error": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"})


def ask(name, question, timeout):
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.Process(target=ask_in_child, args=(name, question, theirs))
    child.start()
    theirs.close()
    try:
        answer = ours.recv() if ours.poll(timeout) else {"error": f"no answer after {timeout} s"}
    except EOFError:
        answer = {"error": "the process was killed"}
    if child.is_alive():
        child.kill()
    child.join()
    return answer


def ask_sotto_process(program, question):
    rate, noise, steps, delta = question.words
    words = [program, "account", "epsilon", "--json", "--sampling-rate", rate, "--noise-multiplier", noise, "--steps",
             steps, "--delta", delta]
    output, seconds = timed(lambda: subprocess.run(words, capture_output=True, text=True))
    if output.returncode != 0:
        return {"error": output.stderr.strip()}
    answer = json.loads(output.stdout)
    upper = answer.get("epsilon_upper", answer.get("epsilon"))
    return {"lower": answer.get("epsilon_lower"), "upper": float(upper), "seconds": seconds}


def ask_sotto_in_process(program, path, width):
    words = [program, "bench", "account", "--questions", str(path), "--width", width, "--runs", str(MOST_RUNS), "--json"]
    output = subprocess.run(words, capture_output=True, text=True, check=True)
    answers = {}
    for answer in json.loads(output.stdout)["answers"]:
        if "upper" in answer:
            answer["upper"] = float(answer["upper"])
        if answer["method"] == "rdp":
            answer["lower"] = None
        answers[answer["label"], answer["method"]] = answer
    for label in {label for label, _ in answers}:
        engines = [answers[label, method] for method in ("pld", "contour") if "seconds" in answers[label, method]]
        answers[label, "engine"] = min(engines, key=lambda answer: answer["seconds"], default={"error": "none"})
    return answers


def verdict(question, answer):
    """Who is on the wrong side of the exact value."""
    if "error" in answer:
        return "no answer"
    lower, upper = answer["lower"], answer["upper"]
    if math.isnan(upper):
        return "WRONG: not a number"
    if upper < question.exact - question.tolerance:
        return "WRONG: below the exact value"
    if lower is not None and lower > question.exact + question.tolerance:
        return "WRONG: interval excludes the exact value"
    if math.isinf(upper):
        return "useless: infinite"
    return "holds"


def seconds_text(seconds):
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


def answer_text(answer):
    if "error" in answer:
        return answer["error"].replace("|", "/")[:80]
    if answer["lower"] is None:
        return f"<= {answer['upper']:.8g}"
    return f"[{answer['lower']:.8g}, {answer['upper']:.8g}]"


def excess_text(question, answer):
    if "error" in answer or not math.isfinite(answer["upper"]):
        return ""
    excess = answer["upper"] / question.exact - 1
    return f"{excess * 100:+.2g} %"


def print_answers(questions, answers):
    print("| question | exact | accountant | answer | upper end against exact | time | times ours | verdict |")
    print("|---|---|---|---|---|---|---|---|")
    for question in questions:
        for name, answer in answers[question.label].items():
            time_text = seconds_text(answer["seconds"]) if "seconds" in answer else ""
            ratio = " / ".join(f"{ratio:.3g}" for ratio in dict.fromkeys(answer.get("ratios", ())))
            print(f"| {question.label} | {question.exact:.8g} | {name} | {answer_text(answer)} "
                  f"| {excess_text(question, answer)} | {time_text} | {ratio} | {verdict(question, answer)} |")


def print_summary(questions, answers):
    print("| accountant | answered | on the wrong side | infinite | tighter than ours | timed against "
          "| least | median | most |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in answers[questions[0].label]:
        mine = [(question, answers[question.label][name]) for question in questions]
        verdicts = [verdict(question, answer) for question, answer in mine]
        tighter = sum(
            text == "holds" and answer["upper"] < answers[question.label]["sotto certified"].get("upper", math.inf)
            for (question, answer), text in zip(mine, verdicts))
        facts = (f"| {name} | {sum('error' not in answer for _, answer in mine)} of {len(mine)} "
                 f"| {sum(text.startswith('WRONG') for text in verdicts)} "
                 f"| {sum(text.startswith('useless') for text in verdicts)} ")
        if name not in PEERS:
            print(f"{facts}| | | | | |")
            continue
        for place, method in enumerate(dict.fromkeys(PEERS[name][1])):
            ratios = sorted(answer["ratios"][place] for _, answer in mine if "ratios" in answer)
            figures = f"{ratios[0]:.3g} | {statistics.median(ratios):.3g} | {ratios[-1]:.3g}" if ratios else " | | "
            against = "our fastest engine" if method == "engine" else f"sotto {method}"
            print(f"{facts}| {tighter} | {against} | {figures} |")


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sotto", required=True)
    parser.add_argument("--questions", default=here / "account_questions.csv")
    parser.add_argument("--timeout", type=float, default=120)
    parser.add_argument("--width", default="1e-3", help="of sotto's brackets in process")
    parser.add_argument("--json", help="write all answers to this file")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    multiprocessing.set_start_method("fork")

    questions = read_questions(options.questions)
    ours = ask_sotto_in_process(options.sotto, options.questions, options.width)
    for name in PEERS:
        warm(name)
    answers = {}
    for question in questions:
        row = {f"sotto {method}": ours[question.label, method] for method in ("certified", "pld", "contour", "rdp")}
        row["sotto account epsilon (whole process)"] = ask_sotto_process(options.sotto, question)
        for name, (_, methods) in PEERS.items():
            print(f"compare_accountants: {question.label}, {name}", file=sys.stderr)
            answer = row[name] = ask(name, question, options.timeout)
            references = [ours[question.label, method] for method in methods]
            if "seconds" in answer and all("seconds" in reference for reference in references):
                answer["ratios"] = [answer["seconds"] / reference["seconds"] for reference in references]
        answers[question.label] = row
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(answers, indent=2) + "\n", encoding="utf-8")
    print_answers(questions, answers)
    print()
    print_summary(questions, answers)


if __name__ == "__main__":
    main()
