# Vanilla RNN: one tanh layer (Elman 1990)
# zh: 普通 RNN：一个 tanh 层（Elman，1990）
f = tanh
h[t] = f(U @ x[t] + W @ h[t-1] + s1)
o[t] = softmax(V @ h[t] + s2)
