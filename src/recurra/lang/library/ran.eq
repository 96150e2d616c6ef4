# RAN: recurrent additive network, the candidate reads the input alone (Lee et al. 2017)
# zh: RAN：循环加法网络，候选状态只读取输入（Lee 等，2017）
e[t] = E @ x[t]
i[t] = sigmoid(Ui @ e[t] + Wi @ h[t-1] + bi)
f[t] = sigmoid(Uf @ e[t] + Wf @ h[t-1] + bf)
c[t] = i[t] * (Uc @ e[t]) + f[t] * c[t-1]
h[t] = tanh(c[t])
o[t] = softmax(V @ h[t] + s)
bf: constant(1)
