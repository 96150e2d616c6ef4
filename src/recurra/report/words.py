"""The words of a report, English and Chinese side by side."""

LANGUAGES = ("en", "zh")

WORDS: dict[str, tuple[str, str]] = {
    "title": ("{networks} on {texts}", "{networks}：{texts}"),
    "search title": ("A search: {networks} on {texts}", "超参数搜索：{networks}，{texts}"),
    "and": (" and ", " 与 "),
    "comma": (", ", "、"),
    "colon": (": ", "："),
    "semicolon": ("; ", "；"),
    "made with": ("Made with Recurra {version}.", "由 Recurra {version} 生成。"),
    # the answer
    "answer": ("The answer", "结论"),
    "of first": ("hidden {hidden} of {first}", "{first} 的隐藏维数 {hidden}"),
    "limit steps": ("{value} steps", "{value} 步"),
    "limit epochs": ("{value} epochs", "通读 {value} 遍"),
    "limit minutes": ("{value} minutes", "{value} 分钟"),
    "basis": (
        "Losses are measured on {characters} characters of test text, opened once after all runs "
        "had ended. The intervals of all differences hold together with 95 % confidence: over "
        "paired seeds and {blocks} contiguous blocks of text.",
        "损失在 {characters} 个字符的测试文本上测得；测试文本在全部训练结束之后才打开，只打开一次。"
        "各项差别的置信区间由成对的种子与 {blocks} 段连续文本重抽样得出，同时成立的置信度为 95%。",
    ),
    # what was asked
    "asked": ("What was asked", "实验设置"),
    "asked networks": ("Networks", "网络"),
    "asked texts": ("Text", "文本"),
    "distinct": ("{texts}; {count} distinct characters", "{texts}；共 {count} 个不同的字符"),
    "asked budgets": ("Budgets", "预算"),
    "asked match": ("Sizes", "规模"),
    "match parameters": (
        "each network has as many parameters as {first}, within 2 %",
        "各网络的参数量与 {first} 相差不超过 2%",
    ),
    "match hidden": ("every vector has the same size in all networks", "各网络的向量维数相同"),
    "match given": ("as the runs had them", "沿用各次训练自己的设置"),
    "match won": ("as each network's study found them", "沿用各自搜索得到的设置"),
    "asked seeds": ("Seeds", "种子"),
    "asked rates": ("Learning rates tried", "试过的学习率"),
    "asked rates how": (
        "{rates}: one full run each, judged by validation loss",
        "{rates}：各完整训练一次，按验证损失挑选",
    ),
    "asked recipe": ("Recipe", "训练方案"),
    "recipe": (
        "{name}: {optimizer}, {batch} streams of text, {sequence} characters of each in a step",
        "{name}：{optimizer}，{batch} 条文本流并行，每步各读 {sequence} 个字符",
    ),
    "asked space": ("Searched", "搜索空间"),
    "asked trials": ("Trials", "试验"),
    "trials of": (
        "{count:,}, each of {length:,} characters where it is trained in full",
        "{count:,} 次，完整训练一次读 {length:,} 个字符",
    ),
    "asked search": ("Search and pruner", "搜索与剪枝"),
    "rungs": ("{name}, looked at after {rungs} characters", "{name}，读到 {rungs} 个字符时评估"),
    "asked finalists": ("Finalists", "决赛名额"),
    # networks
    "networks": ("The networks", "网络"),
    "size": ("hidden {hidden}, {parameters} parameters", "隐藏维数 {hidden}，参数 {parameters} 个"),
    "as typed": ("As typed", "公式原文"),
    # comparison
    "comparison": ("The comparison", "比较"),
    "test by network": (
        "Test loss of each network: mean over seeds and its 95 % interval; each seed is a dot.",
        "各网络的测试损失：各种子的均值及其 95% 置信区间；每个种子一个点。",
    ),
    "differences": (
        "Differences of test loss, with their intervals. One that does not cross the dashed line "
        "is a difference.",
        "测试损失之差及其置信区间。区间不跨过虚线，才算有差别。",
    ),
    "nats axis": ("nats per character", "奈特/字符"),
    "difference axis": ("difference, nats per character", "损失之差（奈特/字符）"),
    "network": ("network", "网络"),
    "hidden": ("hidden", "隐藏维数"),
    "parameters": ("parameters", "参数量"),
    "rate": ("learning rate", "学习率"),
    "test": ("test nats/char", "测试损失（奈特/字符）"),
    "interval": ("95 % interval", "95% 置信区间"),
    "to": ("{low:.4f} to {high:.4f}", "{low:.4f} 至 {high:.4f}"),
    "bits": ("bits/char", "比特/字符"),
    "speed": ("chars/s", "字符/秒"),
    # a study
    "winner": (
        "The best is trial {number}, {setting}: {loss:.4f} nats per character on held-out text. "
        "All trials: {counts}.",
        "最好的是第 {number} 次试验，{setting}：留出文本上每字符 {loss:.4f} 奈特。"
        "全部试验：{counts}。",
    ),
    "count": ("{count:,} {state}", "{state} {count:,} 次"),
    "state waiting": ("waiting", "等待"),
    "state running": ("running", "训练中"),
    "state done": ("trained in full", "完整训练"),
    "state pruned": ("pruned", "剪枝"),
    "state diverged": ("diverged", "发散"),
    "state skipped": ("skipped", "跳过"),
    "state failed": ("failed", "失败"),
    "study": ("The search", "搜索过程"),
    "best so far": ("best", "最低"),
    "expected": ("expected", "期望"),
    "course": (
        "Lowest held-out loss so far, by the characters that all trials together had read.",
        "全部试验累计读到若干字符时，已得到的最低留出损失。",
    ),
    "smaller search": (
        "Lowest loss that a search of so many trials, drawn at random from these, can expect "
        "(Tang et al. 2020).",
        "从这些试验中随机抽若干次，可望得到的最低损失（Tang 等，2020）。",
    ),
    "all characters axis": ("characters, all trials", "累计字符数"),
    "heat map": (
        "Lowest loss for {one} and {other}; the darker, the lower.",
        "{one} 与 {other} 各种搭配的最低损失；颜色越深，损失越低。",
    ),
    "compared": (
        "Expected losses and maps compare {count} trials, by their loss {where}.",
        "期望值与热力图比较了 {count} 次试验，依据{where}的损失。",
    ),
    "at the end": ("at the end of training", "训练结束时"),
    "at first rung": ("at the first rung, which all of them reached", "它们都到过的第一次评估时"),
    "importance": (
        "Part of the variance that each explains alone",
        "各超参数单独解释的方差比例",
    ),
    "correlation": (
        "Rank correlation of the loss at {rung:,} characters with the final one",
        "读到 {rung:,} 字符时的损失与最终损失的等级相关系数",
    ),
    "over trials": ("{rho} over {count:,} trials", "{rho}（{count:,} 次试验）"),
    "best trials": ("The best trials", "最好的试验"),
    "trial": ("trial", "试验"),
    "state": ("state", "状态"),
    "at rung": ("nats at {rung:,}", "{rung:,} 字符时的损失（奈特）"),
    "characters": ("characters", "字符数"),
    # search
    "search": ("The search before", "预先的搜索"),
    "by rate": (
        "Validation loss of one full run at each learning rate.",
        "每个学习率完整训练一次之后的验证损失。",
    ),
    "expected best": (
        "Lowest validation loss that so many trials, drawn at random from these, can expect "
        "(Tang et al. 2020).",
        "从这些学习率中随机试若干次，可望得到的最低验证损失（Tang 等，2020）。",
    ),
    "trials axis": ("trials", "试验次数"),
    "rate axis": ("learning rate", "学习率"),
    # curves
    "curves": ("Training curves", "训练曲线"),
    "held-out curve": (
        "Held-out loss, estimated while training: the mean of all seeds, and each seed as a thin "
        "line.",
        "训练途中估计的留出损失：粗线为各种子的均值，细线为每个种子。",
    ),
    "train curve": ("Smoothed training loss.", "平滑后的训练损失。"),
    "characters axis": ("characters read", "已读字符数"),
    "seconds axis": ("seconds", "秒"),
    # runs
    "runs": ("Every run", "每一次训练"),
    "runs note": (
        "Losses are per character, in nats. The lowest smoothed loss is the figure of the original "
        "table: summed over a sequence, so it compares only runs of one sequence length.",
        "损失按每字符计，单位为奈特。“平滑损失最小值”是原来那张表里的数字：它是整条序列之和，"
        "所以只能在序列长度相同的训练之间比较。",
    ),
    "seed": ("seed", "种子"),
    "sequence": ("sequence", "序列长度"),
    "steps": ("steps", "步数"),
    "classic": ("lowest smoothed loss (sum)", "平滑损失最小值（序列和）"),
    "classic step": ("at step", "出现于第几步"),
    "train": ("train", "训练"),
    "validation": ("validation", "验证"),
    "test column": ("test", "测试"),
    "time": ("time, s", "用时（秒）"),
    "whole recipe": ("All settings that the runs share", "全部共同设置"),
    # samples
    "samples": ("What they write", "续写"),
    "samples note": (
        "{count} characters each, from the same beginning and the same seed, at temperature 0.8. "
        "The colour of a character tells how much it surprised the network that wrote it:",
        "各 {count} 个字符，开头相同，种子相同，温度 0.8。底色表示这个字符让写它的网络有多意外：",
    ),
    "surprise low": ("0 bits", "0 比特"),
    "surprise high": ("8 bits or more", "8 比特以上"),
    "mean surprise": ("mean {bits:.2f} bits", "平均 {bits:.2f} 比特"),
    # again
    "again": ("To do it again", "如何重做"),
    "again note": (
        "The same machine, threads and texts give the same bytes, unless minutes end a run. "
        "Equations of one's own stand above, as typed: save them under the name in the command.",
        "机器、线程数、文本都相同，结果就逐字节相同；按分钟计的预算除外。自己写的公式已照"
        "原样列在上文，请按命令中的文件名保存。",
    ),
    "environment": ("Where it was computed", "运行环境"),
    "page made": ("Where this page was made", "本页生成环境"),
    "processor": ("processor", "处理器"),
    "cores": ("cores", "核数"),
    "system": ("system", "系统"),
}


class Words:
    """The words of one language: ``words("size", hidden=8, parameters="1,234")``."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._column = LANGUAGES.index(language)

    def __call__(self, key: str, **values: object) -> str:
        """The words for a key, with its values filled in."""
        return WORDS[key][self._column].format(**values)

    def known(self, key: str) -> str:
        """The words for a key, or the key itself where it is a name."""
        return self(key) if key in WORDS else key

    def list(self, names: list[str]) -> str:
        """``a, b and c``."""
        if len(names) < 2:
            return "".join(names)
        return self("comma").join(names[:-1]) + self("and") + names[-1]
