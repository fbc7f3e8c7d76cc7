// The GRU with products of bfloat16.

#include "gru.h"
#include "recurrence_bf16.h"

LAMINA_RECURRENCE_BF16(gru, lamina::Gru);
