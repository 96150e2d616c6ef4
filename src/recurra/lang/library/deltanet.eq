# DeltaNet: a memory corrected by what it holds already (Schlag et al. 2021; Yang et al. 2024b)
# One layer and one head, without convolution, with a residual connection.
# zh: DeltaNet：按已存的内容修正的记忆（Schlag 等，2021；Yang 等，2024b）
# zh: 一层、一个头，无卷积，有残差连接。
e[t] = E @ x[t]
a[t] = swish(Wk @ e[t])
c[t] = swish(Wq @ e[t])
k[t] = a[t] / sqrt(dot(a[t], a[t]) + 0.000001)
q[t] = c[t] / sqrt(dot(c[t], c[t]) + 0.000001)
b[t] = sigmoid(dot(wb, e[t]) + bb)
S[t] = S[t-1] + b[t] * outer(swish(Wv @ e[t]) - S[t-1] @ k[t], k[t])
h[t] = e[t] + Wo @ norm(S[t] @ q[t])
o[t] = softmax(V @ norm(h[t]) + s)
