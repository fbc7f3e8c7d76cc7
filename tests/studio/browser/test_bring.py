"""What a person brings: a sound recorded or dropped, a picture pasted; the answer is the model's to what was sent."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from lamina.inside import trace
from lamina.inside.kept import kept
from lamina.model import Model, load
from lamina.studio.brought import brought
from lamina.views.opened import answers_of
from on_page import chosen, shares, value

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.usefixtures("tones")]
Show = Callable[[str], Any]
CARRIED = """([content, name, type]) => {
    const carried = new DataTransfer();
    carried.items.add(new File([Uint8Array.from(atob(content), (l) => l.charCodeAt(0))], name, { type }));
    return carried;
}"""

LISTENING = """() => {
    const ask = fetch;
    window.fetch = async (url, options) => {
        if (options?.method === "POST") {
            const bytes = new Uint8Array(await new Response(options.body).arrayBuffer());
            window.sent = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
        }
        return ask(url, options);
    };
}"""


def answered(model: Model, body: bytes) -> np.ndarray:
    """The model's answer to bytes as the page sends them."""
    return answers_of(model, brought(model, body)[0], [0])[0]


def dropped(page: Any, content: bytes, name: str, kind: str) -> None:
    """A file let fall on the page."""
    carried = page.evaluate_handle(CARRIED, [base64.b64encode(content).decode(), name, kind])
    page.dispatch_event("[data-testid=view-try]", "dragover", {"dataTransfer": carried})
    assert page.locator(".drop.over").count() == 1
    page.dispatch_event("[data-testid=view-try]", "drop", {"dataTransfer": carried})


def sent(page: Any, does: Callable[[], Any]) -> bytes:
    """What the page asks about after something was done, once answered. (Chromium doesn't tell a Blob's bytes.)"""
    page.evaluate(LISTENING)
    with page.expect_response("**/ask") as reply:
        does()
    assert reply.value.ok
    page.wait_for_url("**example=own-**")
    return base64.b64decode(page.evaluate("sent"))


def test_a_dropped_recording_arrives_sample_for_sample(show: Show, studio: Any, tones: Path) -> None:
    page = show("view=try&run=tones&way=file")
    page.wait_for_selector(".drop")
    source = tones / "low" / "3.wav"
    body = sent(page, lambda: dropped(page, source.read_bytes(), "3.wav", "audio/wav"))
    rate, samples = wavfile.read(io.BytesIO(body))
    assert rate == 8000
    np.testing.assert_array_equal(samples, wavfile.read(source)[1])
    model = load(studio.runs / "tones" / "model.lamina")
    np.testing.assert_allclose(shares(page), answered(model, body), rtol=1e-4, atol=1e-5)
    assert page.get_by_test_id("predicted").inner_text() == "low"
    examples = kept(studio.runs / "tones")  # the same file was learned from or judged, and is heard as it was then
    assert examples is not None
    assert examples.inputs is not None
    row = next(at for at, name in enumerate(examples.names) if Path(str(name)) == Path("low/3.wav"))
    np.testing.assert_array_equal(brought(model, body)[0].inputs, examples.inputs[[row]])


def test_the_microphone_is_heard(show: Show, studio: Any) -> None:
    page = show("view=try&run=tones&way=record")
    page.context.grant_permissions(["microphone"])
    button = page.get_by_test_id("record")
    button.click()
    page.wait_for_selector(".record-stop")
    page.wait_for_timeout(900)
    body = sent(page, button.click)
    rate, samples = wavfile.read(io.BytesIO(body))
    assert len(samples) > rate / 4
    loud = np.abs(np.fft.rfft(samples.astype(float)))
    assert np.fft.rfftfreq(len(samples), 1 / rate)[loud.argmax()] == pytest.approx(1600, rel=0.02)
    model = load(studio.runs / "tones" / "model.lamina")
    np.testing.assert_allclose(shares(page), answered(model, body), rtol=1e-4, atol=1e-5)
    assert page.get_by_test_id("predicted").inner_text() == "high"
    page.wait_for_selector("[data-testid=look] canvas")  # its spectrogram
    assert page.locator("audio").evaluate("player => player.src").startswith("blob:")


def test_a_microphone_that_is_shut_is_said(show: Show) -> None:
    page = show("view=try&run=tones&way=record")
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError') } }"
    )
    page.get_by_test_id("record").click()
    page.wait_for_selector("[data-testid=failure]")
    assert "Allow the microphone" in page.get_by_test_id("failure").inner_text()
    assert page.locator(".record-dot").count() == 1


def test_what_is_no_sound_is_refused(show: Show) -> None:
    page = show("view=try&run=tones&way=file")
    page.wait_for_selector(".drop")
    dropped(page, b"hello", "a.txt", "text/plain")
    page.get_by_text("That is no sound.").wait_for()
    dropped(page, b"RIFF" + b"hello" * 20, "a.wav", "audio/wav")
    page.wait_for_selector("[data-testid=failure]")
    assert "a.wav can’t be read as sound." in page.get_by_test_id("failure").inner_text()


def test_a_picture_is_pasted(show: Show, studio: Any) -> None:
    page = show("view=try&run=digits&way=file")
    page.wait_for_selector(".drop")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (8, 8), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    copy = """content => navigator.clipboard.write([new ClipboardItem({ "image/png":
        new Blob([Uint8Array.from(atob(content), (l) => l.charCodeAt(0))], { type: "image/png" }) })])"""
    page.evaluate(copy, base64.b64encode(file.getvalue()).decode())
    body = sent(page, lambda: page.keyboard.press("Control+V"))
    model = load(studio.runs / "digits" / "model.lamina")
    np.testing.assert_array_equal(brought(model, body)[0].inputs, pixels[None, :, :, None])
    np.testing.assert_allclose(shares(page), answered(model, body), rtol=1e-4, atol=1e-5)


def test_a_recording_is_seen_inside(show: Show, studio: Any) -> None:
    page = show("view=network&run=tones")
    page.wait_for_selector("[data-testid=probability-answer-0]")
    traced = {step.path: step.output for step in trace(*chosen(page, studio.runs / "tones")).steps}
    shown = [value(page, f"probability-answer-{at}") for at in range(2)]
    np.testing.assert_allclose(shown, traced["answer"], rtol=1e-4, atol=1e-6)
    assert page.get_by_test_id("dims-0.sound").inner_text().split("\u202f×\u202f") == list(
        map(str, traced["0.sound"].shape)
    )
    page.get_by_test_id("unit-1.conv-0").click()
    page.wait_for_selector("[data-testid=elastic-output-value]")
    channel = np.asarray(traced["1.conv"])[..., 0]
    assert np.isclose(channel, value(page, "elastic-output-value"), atol=1e-5).any()


def test_it_is_accessible_and_fits_a_phone(show: Show, accessible: Callable[[], None]) -> None:
    page = show("view=try&run=tones&example=1")
    page.wait_for_selector("[data-testid=decided]:not(:empty)")
    accessible()
