"""Explanations: the named terms, the others and the bias are the logit; numbers of a layer are NumPy's; origins."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.inside.anatomy import anatomy
from lamina.inside.arithmetic import Place
from lamina.inside.explanation import explain, origin
from lamina.inside.trace import trace


def test_terms_others_and_bias_are_the_logit(network_case: Any, of_case: Any, drawn: Any) -> None:
    part, x = of_case(network_case), drawn(network_case, 2)[1]
    seen = trace(part, x)
    found = explain(part, x, most=2, trace=seen)
    logit = found.logit
    assert logit is not None
    output = seen[logit.path].output[logit.index]
    np.testing.assert_allclose(logit.sum, output, rtol=1e-4, atol=1e-5)
    summed = logit.bias + logit.others + sum(term.product for term in logit.terms)
    np.testing.assert_allclose(summed, logit.sum, rtol=1e-6, atol=1e-6)
    assert found.at == int(np.argmax(found.answer))
    assert logit.count == seen[logit.path].inputs[0].size - 2
    for term in logit.terms:
        np.testing.assert_allclose(term.product, term.input * term.weight, rtol=1e-5)
        assert (
            term.input == seen[term.place.of].output[term.place.index] == seen[term.origin.of].output[term.origin.index]
        )


def test_numbers_of_a_layer_are_of_the_steps_that_are_there(network_cases: Any, of_case: Any, drawn: Any) -> None:
    part, x = of_case(network_cases["RNN"]), drawn(network_cases["RNN"], 2)[1]  # 5 of 7 steps
    found = {made.path: made for made in explain(part, x).layers}
    assert list(found) == [organ.path for organ in anatomy(part)]
    there = trace(part, x)["1.rnn"].output[:5]
    rnn = found["1.rnn"]
    np.testing.assert_allclose([rnn.zeros, rnn.mean], [(there == 0).mean(), there.mean()], rtol=1e-5)
    assert rnn.largest == there[rnn.at] == max(there.min(), there.max(), key=abs)
    np.testing.assert_allclose(found[""].mean, np.nanmean(x), rtol=1e-5)


def test_a_number_is_traced_through_layers_that_pass_it_on(network_cases: Any, of_case: Any, drawn: Any) -> None:
    case = network_cases["picture"]
    part, x = of_case(case), drawn(case, 1)[0]
    seen = trace(part, x)
    flat = next(organ for organ in anatomy(part) if organ.kind == "flatten")
    shape = seen[flat.path].inputs[0].shape
    at = tuple(int(i) for i in np.unravel_index(5, shape))
    assert origin(part, x, Place(flat.path, (5,)), seen) == Place(flat.sources[0], at)


def test_of_branches_the_one_that_made_it(network_cases: Any, of_case: Any, drawn: Any) -> None:
    case = network_cases["branches"]
    part, x = of_case(case), drawn(case, 1)[0]
    made = origin(part, x, Place("1.concatenate", (2, 3, 3)), trace(part, x))
    assert made == Place("1.concatenate.1.sequential.1.conv", (2, 3, 1))
