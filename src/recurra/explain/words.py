"""The sentences of an explanation, English and Chinese side by side."""

from recurra.errors import SettingError

LANGUAGES = ("en", "zh")

_WORDS: dict[str, tuple[str, str]] = {
    "unrolled": ("Unrolled over three time steps", "沿时间展开三步"),
    "unrolled text": (
        "Circles are vectors, a column is a time step. An arrow's label is what the vector goes "
        "through; arrows that meet in a circle add up, then the circle's function applies; ⊙ "
        "multiplies entry by entry. Black stays within a step, blue comes from one step before, "
        "purple from further back. Biases and dropout are not drawn.",
        "圆圈是向量，一列是一个时间步。箭头上标的是向量要经过的运算；汇入同一个圆圈的箭头相加，再"
        "过这个圆圈的函数；⊙ 表示逐元素相乘。黑色箭头在同一步之内，蓝色来自上一步，紫色来自更早。"
        "偏置和 dropout 没有画出。",
    ),
    "forward": ("Forward", "前向计算"),
    "forward text": (
        "For $t = 1, \\dots, {T}$, with $x_t$ the current character as a one-hot column. A bar "
        "marks the argument of a function: it is given a name because the derivative needs it.",
        "对 $t = 1, \\dots, {T}$ 依次计算，$x_t$ 是当前的字（独热列向量）。上面带横线的是函数的自"
        "变量，求导时要用到，所以单独起名。",
    ),
    "carried": (
        "Vectors before step 1 are the state carried in from the text before. They are constants "
        "here: no gradient flows into them (truncated back-propagation through time).",
        "第 1 步之前的向量是从前文带来的状态，这里当作常数，梯度不再往前传（截断的随时间反向传"
        "播）。",
    ),
    "functions": ("Functions and their derivatives", "函数与导数"),
    "loss": ("Loss", "损失"),
    "loss text": (
        "The loss is the surprise at every next character ${y}_t$, a one-hot column too:",
        "损失是对每一个“下一个字” ${y}_t$（也是独热列向量）的意外程度之和：",
    ),
    "loss slope": (
        "Write ${d} v$ for the derivative of the loss by a vector $v$, a column as long as $v$. "
        "For the argument of the softmax it is simple. Only step $t$'s own term of the loss reads "
        "${logits}$, and",
        "记 ${d} v$ 为损失对向量 $v$ 的导数，它是与 $v$ 等长的列向量。对 softmax 的自变量求导很简"
        "单：用到 ${logits}$ 的只有第 $t$ 步自己的那一项损失，于是",
    ),
    "rules": ("Rules", "用到的法则"),
    "rule paths": (
        "**Every reader counts.** Whatever reads a vector, in this step or a later one, passes a "
        "part of the loss back to it; the parts add up (the chain rule). In a $\\partial$ "
        "everything else that the reader reads is held fixed.",
        "**每一处用到它的地方都要算。** 一个向量在这一步或以后的步里被哪些量用到，这些量就各传回一"
        "份导数，各份相加（链式法则）。式中的 $\\partial$ 把那个量的其他输入都看作不变。",
    ),
    "rule matrix": (
        "**Matrix.** $y = M v$ gives ${d} v = M^\\top {d} y$, and adds ${d} y v^\\top$ to the "
        "gradient of $M$: column times row.",
        "**矩阵。** 由 $y = M v$ 得 ${d} v = M^\\top {d} y$，并给 $M$ 的梯度加上 ${d} y v^\\top$："
        "列乘行。",
    ),
    "rule transposed": (
        "**Transposed matrix.** $y = M^\\top v$ gives ${d} v = M {d} y$, and adds $v ({d} "
        "y)^\\top$ to the gradient of the same $M$.",
        "**转置。** 由 $y = M^\\top v$ 得 ${d} v = M {d} y$，并给同一个 $M$ 的梯度加上 $v ({d} "
        "y)^\\top$。",
    ),
    "rule product": (
        "**Product entry by entry.** $y = u \\odot v$ gives ${d} u = {d} y \\odot v$ and ${d} v = "
        "{d} y \\odot u$.",
        "**逐元素相乘。** 由 $y = u \\odot v$ 得 ${d} u = {d} y \\odot v$ 与 ${d} v = {d} y "
        "\\odot u$。",
    ),
    "rule quotient": (
        "**Quotient entry by entry.** $y = u / v$ gives ${d} u = {d} y / v$ and ${d} v = -{d} y "
        "\\odot y / v$.",
        "**逐元素相除。** 由 $y = u / v$ 得 ${d} u = {d} y / v$ 与 ${d} v = -{d} y \\odot y / v$。",
    ),
    "rule function": (
        "**Function.** $y = f(z)$ entry by entry gives ${d} z = {d} y \\odot f'(z)$.",
        "**函数。** $y = f(z)$ 逐元素作用，得 ${d} z = {d} y \\odot f'(z)$。",
    ),
    "rule norm": (
        "**Layer normalisation.** $y = \\operatorname{norm}(z)$ mixes the entries of $z$, so its "
        "derivative is a matrix, which is symmetric: ${d} z = \\operatorname{norm}'(z) {d} y$. To "
        "multiply with it takes two means and no matrix: $\\operatorname{norm}'(z) {d} y = ({d} y "
        "- \\operatorname{mean} {d} y - y \\operatorname{mean}(y \\odot {d} y)) / s$.",
        "**层归一化。** $y = \\operatorname{norm}(z)$ 把 $z$ 的各个元素混在一起，导数是一个对称矩"
        "阵：${d} z = \\operatorname{norm}'(z) {d} y$。乘以它只需算两个平均值，不必写出这个矩阵："
        "$\\operatorname{norm}'(z) {d} y = ({d} y - \\operatorname{mean} {d} y - y "
        "\\operatorname{mean}(y \\odot {d} y)) / s$。",
    ),
    "rule dropout": (
        "**Dropout.** Every ${m}^{[i]}_t$ is a random vector: in training each entry is zero with "
        "the dropout's rate, else 1 / (1 - rate); outside of training all are one. It is "
        "multiplied entry by entry, forward and backward.",
        "**Dropout。** 每个 ${m}^{[i]}_t$ 是随机向量：训练时每个元素以 dropout 比率为概率取 0，否则"
        "取 1 / (1 - 比率)；不训练时全取 1。前向和反向都是逐元素相乘。",
    ),
    "shortlist text": (
        "The softmax first chooses among the frequent characters and the classes of all others, "
        "${H}$; if that is a class, then a character of it. Its argument ${logits}$ has an entry "
        "for every character, then one for every class. Let $k$ be the next character, $[k]$ its "
        "class, and $k'$ what has to be chosen first: the class, or $k$ itself where it is "
        "frequent. The loss is the surprise at both; of a frequent character there is only the "
        "first factor. Write ${d} v$ for the derivative of the loss by a vector $v$. Each of the "
        "two softmaxes gives its probabilities minus what came: ${p}_t$ holds the probabilities of "
        "the first choice, and those within $[k]$ (zero for characters of other classes, and of "
        "all classes if $k$ is frequent); ${y}_t$ has a one at $k'$ and at $k$.",
        "softmax 先从 ${H}$（各个常用字，以及其余的字分成的各类）里选一项；若选中的是一类，再从这一"
        "类里选一个字。它的自变量 ${logits}$ 里，先是每个字一个元素，再是每一类一个元素。设 $k$ 是"
        "下一个字，$[k]$ 是它所在的类，$k'$ 是第一次应选的那一项：这个类，或者（$k$ 是常用字时）"
        "$k$ 本身。损失是这两次选择的意外程度之和；常用字只有第一个因子。记 ${d} v$ 为损失对向量 "
        "$v$ 的导数。两个 softmax 各自给出“概率减去实际”：${p}_t$ 的元素是第一次选择的概率，以及类 "
        "$[k]$ 之内的概率（其他类的字为零；$k$ 是常用字时，各类的字全为零）；${y}_t$ 在 $k'$ 和 "
        "$k$ 处为一。",
    ),
    "backward": ("Backward, vector by vector", "反向：逐个向量"),
    "backward text": (
        "From $t = {T}$ down to $t = 1$, in this order. Behind the end of the text nobody reads: "
        "every term with a time above ${T}$ is zero.",
        "从 $t = {T}$ 倒推到 $t = 1$，每一步按下面的次序计算。文本结束之后，再没有什么会用到它们："
        "时刻大于 ${T}$ 的项都是零。",
    ),
    "backward time": (
        "Terms at $t+1$ and later are the paths through time. A delta at $t+1$ holds those at "
        "$t+2$, and so on: through them every character's loss reaches all steps before it.",
        "含 $t+1$ 或更晚时刻的项，就是穿过时间的路径。$t+1$ 的导数里又含着 $t+2$ 的，依此类推：每"
        "个字的损失就这样传到它之前的每一步。",
    ),
    "reads": ("${vector}$ is read by {readers}:", "用到 ${vector}$ 的有 {readers}："),
    "and": (" and ", " 和 "),
    "comma": (", ", "、"),
    "gradients": ("The gradient of every parameter", "每个参数的梯度"),
    "gradients text": (
        "A parameter is the same at every step, so every step adds its part: this sum over time "
        "is what derivations by hand forget most often.",
        "参数在每一步都是同一个，所以每一步都有贡献，要对时间求和。手工推导最容易漏掉的正是这个和"
        "号。",
    ),
    "gradients shared": (
        "What is used in several places gets a part from each: {names}.",
        "在几处使用的参数，每一处都有一份：{names}。",
    ),
    "one-hot": (
        "$x_t$ is one-hot: its row touches a single column, that of the character read at step "
        "$t$.",
        "$x_t$ 是独热的：与它的转置相乘，只会落到一列上，也就是第 $t$ 步读到的那个字所对应的那一"
        "列。",
    ),
    "published": ("Where the published derivation went wrong", "已发表的推导错在哪里"),
    "published text": (
        "The W-RNN came with a derivation by hand. Three mistakes made its gradient a different "
        "one. Each is shown first as published, then as it must be.",
        "W-RNN 当初附有手工推导的梯度，其中有三处错误。下面每一处先列发表的式子，再列正确的。",
    ),
    "mistake slope": (
        "**The derivative of another function.** $f_1$ and $f_2$ were sigmoids, whose derivative "
        "is $\\sigma(z)(1 - \\sigma(z))$; the derivation used tanh's, $1 - \\tanh^2 z$.",
        "**用错了函数的导数。** $f_1$、$f_2$ 是 sigmoid，导数应为 $\\sigma(z)(1 - \\sigma(z))$；推"
        "导里用的却是 tanh 的 $1 - \\tanh^2 z$。",
    ),
    "mistake paths": (
        "**No path through time.** $a_t$ and $b_t$ are read again at step $t+1$, through $W$, $R$ "
        "and $T$. The derivation followed only the readers of the same step, so nothing was "
        "learned from what a step does to later ones.",
        "**丢掉了穿过时间的路径。** $a_t$、$b_t$ 在第 $t+1$ 步还会经 $W$、$R$、$T$ 再被用到；推导"
        "只算了同一步之内的去向，于是这一步对以后各步的影响完全没有学到。",
    ),
    "mistake input": (
        "**One character for all of $U$.** Every step has a character of its own; the derivation "
        "multiplied all steps with that of one step $k$, so a single column of $U$ got the "
        "gradient that belongs to many.",
        "**整个 $U$ 只用了一个字。** 每一步都有自己的输入；推导却让所有的步都乘同一步 $k$ 的输入，"
        "于是本该分给许多列的梯度，全落在 $U$ 的一列上。",
    ),
    "as published": ("Published:", "发表的式子："),
    "as it is": ("Exact:", "正确的式子："),
    "plan": ("The plan: what is hoisted, what loops", "计算计划：什么提到循环外，什么留在循环里"),
    "plan text": (
        "A product whose vector is complete before the block begins is done for all time steps at "
        "once, as one matrix product; only what waits for the step before stays in the loop. A "
        "product with $x_t$ is the look-up of one column. Backward, the blocks run in reverse: "
        "the loop carries only what recurs, and the gradient of every matrix is one product over "
        "all time steps.",
        "如果一个乘积所需的向量在本块开始之前已经算完，就对所有时间步一次算好，成为一次矩阵乘法；"
        "只有必须等上一步结果的才留在循环里。与 $x_t$ 的乘积只是取出一列。反向时各块倒序：循环里只"
        "留下真正要逐步递推的部分，每个矩阵的梯度则是对所有时间步的一次矩阵乘法。",
    ),
    "plan operands": (
        "An operand in parentheses is a vector of the plan with a dotted name: {names}.",
        "括号里的运算对象在计划里是名字带点的向量：{names}。",
    ),
    "block": ("block", "块"),
    "at once": ("for all steps at once", "所有步一次算好"),
    "in the loop": ("in the loop over t", "在 t 的循环里"),
    "element-wise": ("element-wise", "逐元素"),
    "no loop": ("(no loop)", "（无循环）"),
    "kernel": ("The generated kernel", "生成的内核代码"),
    "kernel text": (
        "This is the code that runs, compiled for this network.",
        "真正运行的就是这段代码，专为这个网络编译。",
    ),
}


def words(language: str) -> dict[str, str]:
    """The sentences of a language by key.

    Raises:
        SettingError: a language other than ``en`` and ``zh``.
    """
    if language not in LANGUAGES:
        raise SettingError(f"no language {language}: choose one of {', '.join(LANGUAGES)}")
    return {key: both[LANGUAGES.index(language)] for key, both in _WORDS.items()}
