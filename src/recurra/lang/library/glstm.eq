# LSTM above a gelu layer, what the presets train: learns most in minutes on a CPU
# zh: gelu 层之上的 LSTM，预设所训练的网络：在 CPU 上几分钟内学得最多
a[t] = gelu(U @ x[t] + W @ a[t-1] + s1)
i[t] = sigmoid(Vi @ a[t] + Wi @ h[t-1] + bi)
f[t] = sigmoid(Vf @ a[t] + Wf @ h[t-1] + bf)
g[t] = tanh(Vg @ a[t] + Wg @ h[t-1] + bg)
q[t] = sigmoid(Vq @ a[t] + Wq @ h[t-1] + bq)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = q[t] * tanh(c[t])
o[t] = softmax(Q @ h[t] + s2)
bf: constant(1)
