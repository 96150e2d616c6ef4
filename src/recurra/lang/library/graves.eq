# Two LSTM layers with skip connections (Graves 2013)
# All layers read the character, the output reads all layers. Simplified: no peepholes.
# zh: 带跳跃连接的两层 LSTM（Graves，2013）
# zh: 各层都读取字符，输出读取各层。简化：无窥视孔。
layers = 2
h[0][t] = E @ x[t]
i[l][t] = sigmoid(Ui[l] @ x[t] + Vi[l] @ h[l-1][t] + Wi[l] @ h[l][t-1] + bi[l])
f[l][t] = sigmoid(Uf[l] @ x[t] + Vf[l] @ h[l-1][t] + Wf[l] @ h[l][t-1] + bf[l])
g[l][t] = tanh(Ug[l] @ x[t] + Vg[l] @ h[l-1][t] + Wg[l] @ h[l][t-1] + bg[l])
q[l][t] = sigmoid(Uq[l] @ x[t] + Vq[l] @ h[l-1][t] + Wq[l] @ h[l][t-1] + bq[l])
c[l][t] = f[l][t] * c[l][t-1] + i[l][t] * g[l][t]
h[l][t] = q[l][t] * tanh(c[l][t])
o[t] = softmax(Q1 @ h[1][t] + Q2 @ h[2][t] + s)
bf[l]: constant(1)
