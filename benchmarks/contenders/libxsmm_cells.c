/* A recurrent layer of LIBXSMM (up to 1.17) for libxsmm_.py: its forward and its backward pass. */

#include <libxsmm_source.h> /* the whole library, compiled for this machine */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

struct cell {
    libxsmm_dnn_rnncell *handle;
    int threads;
    libxsmm_dnn_compute_kind back; /* the lowest layer needs no gradient of its input */
    float *hidden, *hidden_gradient;
    size_t bytes; /* of each of the two */
};

static const libxsmm_dnn_tensor_type TENSORS[] = {
    LIBXSMM_DNN_RNN_REGULAR_INPUT,         LIBXSMM_DNN_RNN_GRADIENT_INPUT,
    LIBXSMM_DNN_RNN_REGULAR_HIDDEN_STATE,  LIBXSMM_DNN_RNN_GRADIENT_HIDDEN_STATE,
    LIBXSMM_DNN_RNN_REGULAR_HIDDEN_STATE_PREV, LIBXSMM_DNN_RNN_GRADIENT_HIDDEN_STATE_PREV,
    LIBXSMM_DNN_RNN_REGULAR_WEIGHT,        LIBXSMM_DNN_RNN_GRADIENT_WEIGHT,
    LIBXSMM_DNN_RNN_REGULAR_RECUR_WEIGHT,  LIBXSMM_DNN_RNN_GRADIENT_RECUR_WEIGHT,
    LIBXSMM_DNN_RNN_REGULAR_WEIGHT_TRANS,  LIBXSMM_DNN_RNN_REGULAR_RECUR_WEIGHT_TRANS,
    LIBXSMM_DNN_RNN_REGULAR_BIAS,          LIBXSMM_DNN_RNN_GRADIENT_BIAS,
    /* of LSTM and GRU */
    LIBXSMM_DNN_RNN_REGULAR_CS,            LIBXSMM_DNN_RNN_GRADIENT_CS,
    LIBXSMM_DNN_RNN_REGULAR_CS_PREV,       LIBXSMM_DNN_RNN_GRADIENT_CS_PREV,
    LIBXSMM_DNN_RNN_INTERNAL_I,            LIBXSMM_DNN_RNN_INTERNAL_F,
    LIBXSMM_DNN_RNN_INTERNAL_O,            LIBXSMM_DNN_RNN_INTERNAL_CI,
    LIBXSMM_DNN_RNN_INTERNAL_CO,
};

/* Numbers that neither vanish nor grow over time: -1 / sqrt(units) to 1 / sqrt(units). */
static float *numbers(size_t bytes, int units)
{
    float *found = libxsmm_aligned_malloc(bytes + 64, 64);
    for (size_t i = 0; i < bytes / sizeof(float); i++)
        found[i] = ((i * 7919) % 2001 / 1000.0f - 1.0f) / sqrtf(units);
    return found;
}

/* A layer of so many units (K), streams (N), inputs (C), time steps, in blocks; NULL: not possible.
   It reads the layer below, if there is one. */
struct cell *cell_create(int type, int threads, int K, int N, int C, int steps, int bk, int bn,
                         int bc, struct cell *below)
{
    libxsmm_dnn_rnncell_desc desc = {
        threads, K, N, C, steps, bk, bn, bc, (libxsmm_dnn_rnncell_type)type,
        LIBXSMM_DNN_DATATYPE_F32, LIBXSMM_DNN_DATATYPE_F32,
        LIBXSMM_DNN_TENSOR_FORMAT_NC, LIBXSMM_DNN_TENSOR_FORMAT_CKPACKED,
    };
    libxsmm_dnn_err_t status;
    struct cell *cell = calloc(1, sizeof *cell);
    cell->threads = threads;
    cell->back = below ? LIBXSMM_DNN_COMPUTE_KIND_BWDUPD : LIBXSMM_DNN_COMPUTE_KIND_UPD;
    cell->handle = libxsmm_dnn_create_rnncell(desc, &status);
    if (status != LIBXSMM_DNN_SUCCESS)
        return NULL;
    if (type == LIBXSMM_DNN_RNNCELL_LSTM)
        libxsmm_dnn_rnncell_allocate_forget_bias(cell->handle, 1.0f);
    for (size_t i = 0; i < sizeof TENSORS / sizeof *TENSORS; i++) {
        libxsmm_dnn_tensor_type tensor = TENSORS[i];
        libxsmm_dnn_tensor_datalayout *layout =
            libxsmm_dnn_rnncell_create_tensor_datalayout(cell->handle, tensor, &status);
        if (!layout)
            return NULL;
        size_t bytes = libxsmm_dnn_get_tensor_size(layout, &status);
        float *data;
        if (below && tensor == LIBXSMM_DNN_RNN_REGULAR_INPUT)
            data = below->hidden;
        else if (below && tensor == LIBXSMM_DNN_RNN_GRADIENT_INPUT)
            data = below->hidden_gradient;
        else
            data = numbers(bytes, K);
        if (tensor == LIBXSMM_DNN_RNN_REGULAR_HIDDEN_STATE) {
            cell->hidden = data;
            cell->bytes = bytes;
        }
        if (tensor == LIBXSMM_DNN_RNN_GRADIENT_HIDDEN_STATE)
            cell->hidden_gradient = data;
        libxsmm_dnn_tensor *linked = libxsmm_dnn_link_tensor(layout, data, &status);
        libxsmm_dnn_rnncell_bind_tensor(cell->handle, linked, tensor);
    }
    libxsmm_dnn_compute_kind all = LIBXSMM_DNN_COMPUTE_KIND_ALL;
    size_t bytes = libxsmm_dnn_rnncell_get_scratch_size(cell->handle, all, &status);
    libxsmm_dnn_rnncell_bind_scratch(cell->handle, all, numbers(bytes, K));
    bytes = libxsmm_dnn_rnncell_get_internalstate_size(cell->handle, all, &status);
    libxsmm_dnn_rnncell_bind_internalstate(cell->handle, all, numbers(bytes, K));
    return cell;
}

/* Layers forward, the lowest first, then backward; 0: all went well. */
int cells_step(struct cell **cells, int layers)
{
    int failed = 0;
    for (int i = 0; i < layers - 1; i++) /* the layer above adds to it */
        memset(cells[i]->hidden_gradient, 0, cells[i]->bytes);
#pragma omp parallel num_threads(cells[0]->threads) reduction(+ : failed)
    {
        int thread = omp_get_thread_num();
        for (int i = 0; i < layers; i++) {
            failed += libxsmm_dnn_rnncell_execute_st(
                          cells[i]->handle, LIBXSMM_DNN_COMPUTE_KIND_FWD, 0, thread) != 0;
#pragma omp barrier
        }
        for (int i = layers - 1; i >= 0; i--) {
            failed += libxsmm_dnn_rnncell_execute_st(
                          cells[i]->handle, cells[i]->back, 0, thread) != 0;
#pragma omp barrier
        }
    }
    return failed;
}
