// The plain recurrent network with products of bfloat16.

#include "rnn.h"
#include "recurrence_bf16.h"

LAMINA_RECURRENCE_BF16(rnn_tanh, lamina::Rnn<lamina::Tanh>);
LAMINA_RECURRENCE_BF16(rnn_relu, lamina::Rnn<lamina::Relu>);
