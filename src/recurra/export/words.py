"""Comments and messages of exported programs, in English and Chinese."""

from collections import defaultdict

from recurra.export.base import Language

_WORDS: dict[str, tuple[str, str]] = {
    "what": (
        "A character-level language model in NumPy alone, with its exact "
        "gradient (back-propagation\n"
        "through time). Recurra {version} wrote it from these equations:",
        "字符级语言模型，只用 NumPy，梯度精确（随时间反向传播）。\n"
        "由 Recurra {version} 根据以下方程写成：",
    ),
    "train": ("train; the weights go to {weights}", "训练；权重存入 {weights}"),
    "write": ("continue the text by 500 characters", "把文字续写 500 个字符"),
    "eval": ("the mean loss, in nats a character", "平均损失，单位为奈特/字符"),
    "check": ("the gradient beside finite differences", "用有限差分检验梯度"),
    "arrays": (
        "A vector over time is a dictionary: h[t] is the vector at time t, of "
        "shape (n, B): a column for\n"
        "each of B streams of text. h[-1] is its value before the first "
        "character. dh[t] is the\n"
        "derivative of the loss by h[t], which comments call delta(h[t]); dh_in[t] is that by "
        "bar(h[t]),\n"
        "the argument of the function that gives h[t].",
        "随时间变化的向量是一个字典：h[t] 是 t 时刻的向量，形状为 (n, B)，\n"
        "B 路文本各占一列。h[-1] 是第一个字符之前的值。\n"
        "dh[t] 是损失对 h[t] 的导数，注释中写作 delta(h[t])；dh_in[t] 是损失对 bar(h[t]) 的导数，\n"
        "bar(h[t]) 是给出 h[t] 的函数的自变量。",
    ),
    "initial": (
        "Parameters before any training, for V characters.",
        "训练之前的参数，共 V 个字符。",
    ),
    "start": ("The state before the first character: zeros.", "第一个字符之前的状态：零。"),
    "forward": (
        "Read the characters x[0], x[1], ...: log-probabilities of what "
        "follows each, all vectors, and\n"
        "the state to go on from.",
        "读入字符 x[0]、x[1]……：返回其后字符的对数概率、所有向量，以及继续所需的状态。",
    ),
    "loss": (
        "-ln p of the characters y[t] that followed, summed.",
        "实际出现的字符 y[t] 的 -ln p 之和。",
    ),
    "backward": ("The gradient of the loss by every parameter.", "损失对每个参数的梯度。"),
    "after": (
        "after the last step: no loss depends on anything there, whatever its value",
        "最后一步之后：无论取何值，损失都不依赖它们",
    ),
    "probabilities": ("probabilities minus what came", "概率减去实际出现的字符"),
    "columns": (
        "Gradient of a matrix whose column x[t] was read at every step.",
        "每一步读取第 x[t] 列的矩阵的梯度。",
    ),
    "dropout": (
        "Zeros for the part that is dropped, 1 / (part kept) elsewhere.",
        "被丢弃的部分为 0，其余为 1 / 保留比例。",
    ),
    "blocks": ("blocks on a diagonal", "对角线上的各块"),
    "shortlist": (
        "Log-probabilities from scores: first a choice among the {listed} most "
        "frequent characters and\n"
        "the classes of all others, then one within the class.",
        "由得分求对数概率：先在最常见的 {listed} 个字符和其余字符的各类之间选择，再在类内选择。",
    ),
    "error": ("d loss / d scores.", "损失对得分的导数。"),
    "update": ("One step of {optimizer}.", "{optimizer} 的一步更新。"),
    "nearest": (
        "The nearest orthogonal matrix, by products alone, of root mean square 1.",
        "只用矩阵乘法求最接近的正交矩阵，其均方根为 1。",
    ),
    "read": (
        "The text and its distinct characters, the most frequent of the training text first.",
        "文本及其不同的字符，训练文本中最常见的在前。",
    ),
    "training": (
        "Train on the first nine tenths of the text; print the smoothed loss in nats a character.",
        "用文本的前十分之九训练；打印平滑后的损失，单位为奈特/字符。",
    ),
    "held": ("held-out text", "验证文本"),
    "evaluate": (
        "The mean loss of a text, whose state is carried.",
        "一段文本的平均损失，状态一直传递。",
    ),
    "writing": ("Continue a text.", "续写一段文字。"),
    "checking": (
        "Compare the gradient with finite differences on a small example.",
        "在小例子上把梯度与有限差分比较。",
    ),
    "program": (
        "A character-level language model in {library}. Recurra {version} wrote it from these "
        "equations:",
        "字符级语言模型，使用 {library}。由 Recurra {version} 根据以下方程写成：",
    ),
    "test": (
        "losses and gradients beside the numbers in this file",
        "把损失和梯度与本文件中的数字比较",
    ),
    "module": (
        "The equations. Matrices are as on paper, vectors are rows, one for each stream of text.",
        "方程。矩阵与纸面一致，向量为行，每路文本一行。",
    ),
    "reading": (
        "Read characters (T, B): log-probabilities of what follows each (T, B, V), and the state.",
        "读入字符 (T, B)：返回其后字符的对数概率 (T, B, V) 和新的状态。",
    ),
    "step": (
        "One more character of one text: the state after it, and log-probabilities of what "
        "follows.",
        "一段文本再读入一个字符：返回新的状态和其后字符的对数概率。",
    ),
    "improve": ("One step of training.", "训练的一步。"),
    "save": (
        "Write weights and characters as a safetensors file.",
        "把权重和字符写成 safetensors 文件。",
    ),
    "load": (
        "Weights and characters: from a file that this program wrote, or a run of Recurra.",
        "读取权重和字符：来自本程序写出的文件，或 Recurra 的训练目录。",
    ),
    "stored": ("stored with a row for each character", "存储时每个字符一行"),
    "testing": (
        "Compare losses and gradients with those that Recurra computed, in float64.",
        "以 float64 把损失和梯度与 Recurra 算出的数字比较。",
    ),
    "expected": ("but expected was", "但应为"),
    "card what": (
        "A character-level language model that Recurra {version} derived, trained and wrote down "
        "from these equations:",
        "字符级语言模型，由 Recurra {version} 根据以下方程推导、训练并写成：",
    ),
    "card network": ("Network", "网络"),
    "card parameters": ("Parameters", "参数量"),
    "card vocabulary": ("Distinct characters", "不同字符数"),
    "card texts": ("Trained on", "训练文本"),
    "card recipe": ("How", "训练方案"),
    "card trained": (
        "{optimizer}, {batch} streams of text, {length} characters of each a step, dropout "
        "{dropout}",
        "{optimizer}，{batch} 条文本流并行，每步各读 {length} 个字符，dropout {dropout}",
    ),
    "card steps": ("Steps", "步数"),
    "card characters": ("Characters read", "读过的字符"),
    "card seconds": ("Time", "用时"),
    "card loss": ("Held-out loss", "验证损失"),
    "card nats": ("{nats} nats, {bits} bits a character", "每字符 {nats} 奈特，{bits} 比特"),
    "card use": ("Use", "用法"),
    "card samples": ("Samples", "样例"),
    "card drawn": ("Written from nothing at temperature 0.8.", "不给开头，温度 0.8。"),
    "needs": (
        "this program needs {library}; install it: python -m pip install",
        "本程序需要 {library}，请先安装：python -m pip install",
    ),
    "missing": ("the model does not know", "模型不认识"),
}

_PAGE_WORDS: dict[str, tuple[str, str]] = {
    "other": ("中文", "English"),
    "about": (
        "A network of {parameters} parameters that knows {vocabulary} characters. It runs in this "
        "page alone: nothing that you type leaves it.",
        "一个有 {parameters} 个参数、认识 {vocabulary} 个字符的网络，只在本页内运行："
        "您输入的内容不会离开本页。",
    ),
    "placeholder": ("The beginning of a text", "一段文字的开头"),
    "count": ("Characters", "字符数"),
    "temperature": ("Temperature", "温度"),
    "top_k": ("Top k", "Top k"),
    "seed": ("Seed", "种子"),
    "write": ("Write", "续写"),
    "stop": ("Stop", "停止"),
    "written": ("Text", "文本"),
    "alternatives": ("The likeliest here", "此处最可能的字符"),
    "how": (
        "The darker a character, the more it surprised the network. Point at one, or walk with the "
        "arrow keys, to see what else was likely; choose another to go on from it.",
        "颜色越深，该字符越出乎网络的意料。指向某个字符或用方向键移动，可以看到其他可能；"
        "点选其中之一，便由它续写。",
    ),
    "equations": ("Equations", "方程"),
    "first": ("Nothing was predicted here.", "此处没有预测。"),
    "surprise": ("{character}: {bits} bits", "{character}：{bits} 比特"),
    "writing": ("{count} characters, {rate} a second", "{count} 个字符，每秒 {rate} 个"),
    "done": ("{count} characters written, {rate} a second", "已写 {count} 个字符，每秒 {rate} 个"),
    "unknown": (
        "Skipped, since the network does not know: {characters}",
        "网络不认识，已略去：{characters}",
    ),
}


def page_words(language: Language) -> dict[str, str]:
    """The words of a page that writes."""
    return {key: words[language == "zh"] for key, words in _PAGE_WORDS.items()}


def word(key: str, language: Language, **values: object) -> str:
    """A comment or message in a language."""
    return _WORDS[key][language == "zh"].format(**values)


def all_words(language: Language, **values: object) -> dict[str, str]:
    """All comments and messages as places of a template: ``word_read``, ..."""
    known = defaultdict(str, values)
    return {
        f"word_{key}": words[language == "zh"].format_map(known) for key, words in _WORDS.items()
    }
