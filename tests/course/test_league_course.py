"""What lesson 11 is made of: the families measured, the forms at equal bytes, and where sources disagree."""

import pytest
import torch

import ddkit
from ddkit.course.demonstrations import league
from ddkit.synthetic import forms


@pytest.fixture(scope="module")
def digits():
    return ddkit.load("digits")


@pytest.fixture(scope="module")
def panels(digits):
    return {panel.name: panel for panel in league.panels(digits)}


class TestPanels:
    def test_there_is_one_for_each_family(self, panels):
        assert list(panels) == ["features", "characteristic functions", "attention", "gradients", "trajectories",
                                "kernels"]
        for panel in panels.values():
            assert panel.real.shape == panel.synthetic.shape and panel.real.isfinite().all()

    def test_both_sides_differ_as_the_set_is_not_distilled_yet(self, panels):
        assert not any(torch.allclose(panel.real, panel.synthetic, rtol=0.01) for panel in panels.values())

    def test_attention_is_that_of_one_map_of_norm_one(self, panels):
        assert panels["attention"].synthetic.norm() == pytest.approx(1)
        assert panels["attention"].real.norm() < 1  # the mean of different maps

    def test_characteristic_functions_stay_in_the_unit_circle(self, panels):
        points = panels["characteristic functions"]
        assert (points.real.norm(dim=1) < 1).all()
        torch.testing.assert_close(points.synthetic.norm(dim=1), torch.ones(league.POINTS))  # of a single image

    def test_trajectories_begin_at_one_point_and_end_where_distances_are_true(self, panels):
        real, synthetic = panels["trajectories"].real, panels["trajectories"].synthetic
        torch.testing.assert_close(real[0], synthetic[0])
        assert len(real) == league.STEPS + 1 and real[-1][1].abs() < 1e-4  # the way of real data is straight ahead

    def test_kernels_should_answer_with_the_class_alone(self, panels):
        torch.testing.assert_close(panels["kernels"].real, torch.eye(10, dtype=torch.float64) - 0.1)


class TestStored:
    def test_every_form_keeps_to_the_bytes_and_pixels_come_first(self, digits):
        found = league.stored(digits)
        budget = 4 * 10 * 28 * 28
        assert next(iter(found)) == "pixels" and set(found) <= set(forms.FORMS)
        for form in found.values():
            assert form.size().bytes <= budget and form.decode().shape[0] == form.size().decoded

    def test_the_table_has_a_row_for_each(self, digits):
        found = league.stored(digits)
        table = league.stored_table(found)
        assert all(f"| {name} " in table and f"{form.size().bytes:,}" in table for name, form in found.items())


def test_errata_name_both_sources_and_what_letters_stand_for():
    assert all("(" in first and other for _, first, other, _ in league.ERRATA)
    told = league.errata()
    assert "2301.05603" in told and "2301.04272" in told and all(row[0] in told for row in league.ERRATA)
