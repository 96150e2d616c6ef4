# sLSTM of xLSTM: exponential input gate, stabilised (Beck et al. 2024)
# Simplified: one head, no group normalisation, no block around the cell.
# zh: xLSTM 的 sLSTM：指数输入门，数值稳定（Beck 等，2024）
# zh: 简化：一个头，无组归一化，细胞之外无块。
z[t] = tanh(Uz @ x[t] + Wz @ h[t-1] + bz)
i[t] = Ui @ x[t] + Wi @ h[t-1] + bi
f[t] = log(sigmoid(Uf @ x[t] + Wf @ h[t-1] + bf))
q[t] = sigmoid(Uq @ x[t] + Wq @ h[t-1] + bq)
m[t] = max(f[t] + m[t-1], i[t])
c[t] = exp(f[t] + m[t-1] - m[t]) * c[t-1] + exp(i[t] - m[t]) * z[t]
n[t] = exp(f[t] + m[t-1] - m[t]) * n[t-1] + exp(i[t] - m[t])
h[t] = q[t] * c[t] / n[t]
o[t] = softmax(V @ h[t] + s)
bf: constant(1)
