// The gated recurrent unit (Cho et al. 2014), the reset gate behind the recurrent product, as cuDNN and torch have it.

#include "gru.h"
#include "recurrence.h"

LAMINA_RECURRENCE(gru, lamina::Gru);
