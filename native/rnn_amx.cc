// The plain recurrent network on the tiles of AMX.

#include "rnn.h"
#include "recurrence_amx.h"

LAMINA_RECURRENCE_AMX(rnn_tanh, lamina::Rnn<lamina::Tanh>);
LAMINA_RECURRENCE_AMX(rnn_relu, lamina::Rnn<lamina::Relu>);
