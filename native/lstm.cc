// The long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000).

#include "lstm.h"
#include "recurrence.h"

LAMINA_RECURRENCE(lstm, lamina::Lstm);
