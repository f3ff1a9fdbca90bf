import os
import signal
import subprocess
import sys

import av
import numpy as np
import pytest

from tests.numbered_videos import TICKS, picture, read_index, read_rgb, write_video
from tests.sudden_death import then_full
from vost_sgg.data.dump import dump_video


def dumped(folder) -> dict[int, int]:
    """Frame number -> index of the picture in the file of that number."""
    return {int(n[:6]): read_index(read_rgb(folder / n)) for n in sorted(os.listdir(folder))}


def test_constant_rate_numbers_count_the_frames_from_one(tmp_path):
    write_video(tmp_path / "v.mp4", [i / 30 for i in range(40)])
    result = dump_video(str(tmp_path / "v.mp4"), None, str(tmp_path / "frames" / "v.mp4"))
    assert (result.written, result.missing, result.damaged) == (40, [], 0)
    assert dumped(tmp_path / "frames" / "v.mp4") == {i + 1: i for i in range(40)}


def test_only_the_asked_for_numbers_are_written(tmp_path):
    write_video(tmp_path / "v.mp4", [i / 25 for i in range(30)], rate=25)
    result = dump_video(str(tmp_path / "v.mp4"), [29, 3, 12, 3], str(tmp_path / "out"))
    assert dumped(tmp_path / "out") == {3: 2, 12: 11, 29: 28}
    assert result.written == 3


def test_numbers_past_the_end_are_reported(tmp_path):
    write_video(tmp_path / "v.mp4", [i / 30 for i in range(10)])
    result = dump_video(str(tmp_path / "v.mp4"), [1, 10, 11, 99], str(tmp_path / "out"))
    assert result.missing == [11, 99]
    assert dumped(tmp_path / "out") == {1: 0, 10: 9}


def test_a_long_gap_repeats_the_last_frame_so_that_numbers_keep_to_the_time(tmp_path):
    times = [i / 30 for i in range(20)] + [2 + i / 30 for i in range(20)]
    write_video(tmp_path / "v.mp4", times)
    dump_video(str(tmp_path / "v.mp4"), None, str(tmp_path / "out"))
    found = dumped(tmp_path / "out")
    assert [found[n] for n in (1, 20, 21, 40, 59)] == [0, 19, 19, 19, 19]
    assert [found[n] for n in (61, 62, 80)] == [20, 21, 39]
    assert len(found) == 80


GAPS_AND_BURSTS = (0, 20, 30, 130, 150, 155, 160, 180, 200, 300, 320, 340, 345, 365)
JITTER = (0, 2, 25, 41, 58, 76, 82, 100, 114, 157, 179, 197, 215, 230, 243, 260, 283, 301, 328, 347)
LATE = tuple(time + 90 for time in JITTER)


@pytest.mark.parametrize(
    ("times", "arguments", "repeats"),
    [
        (GAPS_AND_BURSTS, {}, [3, 2, 20, 4, 2, 1, 3, 4, 20, 4, 4, 2, 3, 4]),
        (
            GAPS_AND_BURSTS,
            {"options": {"bf": "0"}},
            [4, 2, 20, 4, 1, 1, 4, 4, 20, 4, 4, 1, 4, 4],
        ),
        (JITTER, {}, [1] * 18 + [2, 1]),
        (JITTER, {"options": {"bf": "0"}}, [1] * 20),
        (LATE, {}, [1] * 18 + [2, 1]),
        (LATE, {"audio": True}, [6] + [1] * 9 + [2] + [1] * 9),
    ],
    ids=["gaps", "gaps-in-order", "jitter", "jitter-in-order", "late", "late-beside-audio"],
)
def test_variable_rates_are_numbered_as_ffmpeg_numbers_them(tmp_path, times, arguments, repeats):
    # ``repeats``: how many files of each picture `ffmpeg -i v.mp4 %06d.png` (5.1.9, Debian) wrote.
    write_video(tmp_path / "v.mp4", [time / TICKS for time in times], **arguments)
    dump_video(str(tmp_path / "v.mp4"), None, str(tmp_path / "out"))
    expected = np.repeat(np.arange(len(times)), repeats)
    assert dumped(tmp_path / "out") == dict(enumerate(expected.tolist(), start=1))


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_the_display_matrix_is_applied(tmp_path, rotation):
    write_video(tmp_path / "v.mp4", [i / 30 for i in range(4)], rotation=rotation)
    dump_video(str(tmp_path / "v.mp4"), [3], str(tmp_path / "out"))
    image = read_rgb(tmp_path / "out" / "000003.png")
    upright = np.rot90(picture(2, 192, 96), rotation // 90)
    assert image.shape == upright.shape
    assert np.abs(image.astype(int) - upright).mean() < 6


@pytest.mark.parametrize("size", [(97, 55), (54, 97)])
def test_odd_sizes_and_colours_are_kept(tmp_path, size):
    write_video(tmp_path / "v.mp4", [0, 1 / 30, 2 / 30], size=size, pixels="yuv444p")
    dump_video(str(tmp_path / "v.mp4"), [2], str(tmp_path / "out"))
    image = read_rgb(tmp_path / "out" / "000002.png")
    assert image.shape == (size[1], size[0], 3)
    assert np.abs(image.astype(int) - picture(1, *size)).mean() < 6


def test_a_damaged_packet_is_counted_and_later_numbers_still_fit(tmp_path):
    path = tmp_path / "v.mp4"
    write_video(path, [i / 30 for i in range(60)], options={"bf": "0", "g": "10"})
    with av.open(str(path)) as container:
        packet = list(container.demux(video=0))[33]
    raw = bytearray(path.read_bytes())
    # The length that the packet's first unit claims is made too large to be true.
    raw[packet.pos : packet.pos + 4] = b"\x7f\xff\xff\xff"
    path.write_bytes(raw)
    result = dump_video(str(path), None, str(tmp_path / "out"))
    assert result.damaged >= 1
    found = dumped(tmp_path / "out")
    assert found.pop(34) in (32, 34)
    assert [found[n] for n in (1, 33, 41, 50, 60)] == [0, 32, 40, 49, 59]


def test_a_cut_off_video_gives_what_it_has(tmp_path):
    path = tmp_path / "v.mp4"
    faststart = tmp_path / "f.mp4"
    write_video(path, [i / 30 for i in range(60)], options={"bf": "0", "g": "10"})
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        with av.open(str(faststart), "w", options={"movflags": "faststart"}) as copy:
            out = copy.add_stream_from_template(stream)
            for packet in source.demux(stream):
                if packet.size:
                    packet.stream = out
                    copy.mux(packet)
    raw = faststart.read_bytes()
    faststart.write_bytes(raw[: len(raw) * 3 // 4])
    result = dump_video(str(faststart), [1, 5, 60], str(tmp_path / "out"))
    assert result.missing == [60]
    assert dumped(tmp_path / "out") == {1: 0, 5: 4}


@pytest.mark.parametrize("content", [b"", b"no video at all" * 50])
def test_a_file_that_is_no_video_is_named_and_leaves_nothing(tmp_path, content):
    (tmp_path / "v.mp4").write_bytes(content)
    with pytest.raises(ValueError, match="v.mp4"):
        dump_video(str(tmp_path / "v.mp4"), [1], str(tmp_path / "frames" / "v.mp4"))
    assert os.listdir(tmp_path / "frames") == []


def test_a_missing_video_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.mp4"):
        dump_video(str(tmp_path / "nothing.mp4"), [1], str(tmp_path / "out"))


def test_numbers_below_one_are_refused(tmp_path):
    write_video(tmp_path / "v.mp4", [0, 1 / 30])
    with pytest.raises(ValueError, match="count from 1, got 0"):
        dump_video(str(tmp_path / "v.mp4"), [0, 1], str(tmp_path / "out"))


def test_an_existing_folder_is_completed_and_its_other_files_stay(tmp_path):
    write_video(tmp_path / "v.mp4", [i / 30 for i in range(10)])
    out = tmp_path / "out"
    out.mkdir()
    (out / "note.txt").write_text("mine")
    (out / "000002.png").write_bytes(b"half a pict")
    dump_video(str(tmp_path / "v.mp4"), [2, 3], str(out))
    assert (out / "note.txt").read_text() == "mine"
    (out / "note.txt").unlink()
    assert dumped(out) == {2: 1, 3: 2}
    assert sorted(os.listdir(tmp_path)) == ["out", "v.mp4"]


def test_a_killed_dump_leaves_no_partial_folder(tmp_path):
    write_video(tmp_path / "v.mp4", [i / 30 for i in range(20)])
    # Kills itself while it writes the eighth picture.
    code = f"""
import os, signal
from vost_sgg.data import dump
encode, calls = dump._encode, []
def killing(frame):
    calls.append(frame)
    if len(calls) == 8:
        os.kill(os.getpid(), signal.SIGKILL)
    return encode(frame)
dump._encode = killing
dump.dump_video({str(tmp_path / "v.mp4")!r}, None, {str(tmp_path / "frames/v.mp4")!r})
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    assert not (tmp_path / "frames" / "v.mp4").exists()
    dump_video(str(tmp_path / "v.mp4"), None, str(tmp_path / "frames" / "v.mp4"))
    assert len(dumped(tmp_path / "frames" / "v.mp4")) == 20


def test_on_a_full_disk_the_folder_is_named_and_nothing_of_it_left(tmp_path):
    write_video(tmp_path / "v.mp4", [i / 30 for i in range(4)])
    arguments = str(tmp_path / "v.mp4"), None, str(tmp_path / "frames" / "v.mp4")
    with pytest.raises(OSError, match="File too large: .*frames/v.mp4'"):
        then_full(dump_video, 100)(*arguments)
    assert os.listdir(tmp_path / "frames") == []
    dump_video(*arguments)
    assert len(dumped(tmp_path / "frames" / "v.mp4")) == 4
