"""The list of what must not break, and where each line of it is tested. A renamed test is renamed here too."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent

BAD, STOP, TRUST = "reliability/test_bad_runs", "reliability/test_stopping", "reliability/test_disks_and_trust"
CONTRACT, STORE, STUDY, DATA = "contract/test_optimizers", "runs/test_store", "test_study", "objective/test_datasets"
RUNNERS, PAGE, GRADIENT = "runs/test_executors", "report/test_page", "optimizers/test_gradient"

INDEX = {
    "1 objective": {
        "NaN, inf, -inf from the first call": [(CONTRACT, "test_keeps_the_contract")],
        "NaN and inf now and then": [
            ("test_recorder", "test_nonfinite_values_are_shown_as_inf_counted_and_never_best")
        ],
        "raises": [(CONTRACT, "test_keeps_the_contract")],
        "raises at some call": [(BAD, "test_what_was_found_before_the_call_that_raised_is_kept")],
        "returns an array, None, complex": [(BAD, "test_results_that_are_no_number_are_rows_that_say_so")],
        "wrong length": [(BAD, "test_gradients_and_populations_of_the_wrong_length_are_rows_that_say_so")],
        "writes into theta": [(BAD, "test_one_that_writes_into_theta_fails_and_the_optimizer_keeps_its_point")],
        "draws from global generators": [
            (BAD, "test_one_that_draws_from_the_global_generators_is_reproducible_and_they_are_put_back")
        ],
        "prints": [(BAD, "test_one_that_prints_harms_neither_the_record_nor_the_worker")],
        "is slow": [(BAD, "test_one_that_is_slow_ends_at_the_clock")],
    },
    "2 training": {
        "a rate that explodes": [
            (GRADIENT, "test_a_rate_that_explodes_ends_as_diverged"),
            (BAD, "test_a_rate_that_explodes_is_a_row"),
        ],
        "zero gradient": [(GRADIENT, "test_a_zero_gradient_moves_nothing")],
        "rate 0, negative, NaN": [(GRADIENT, "test_wrong_options_are_refused_at_construction")],
        "a batch larger than the data": [(BAD, "test_a_batch_larger_than_the_data_is_a_row_that_says_so")],
        "overflow in exp": [("objective/test_objective", "test_overflowing_scores_stay_a_number")],
    },
    "3 data": {
        "empty, one row, NaN, inf, strings, one class, lengths, 1-D, object": [
            (DATA, "test_data_that_cannot_be_used_say_what_is_wrong")
        ],
        "targets": [(DATA, "test_targets_that_cannot_be_used_say_what_is_wrong")],
        "constant column": [(DATA, "test_constant_columns_become_zero")],
        "labels that are not 0..k-1": [(DATA, "test_labels_of_one_kind_become_codes")],
        "a class missing from the training split": [
            (DATA, "test_a_rare_class_makes_the_split_plain_and_must_be_in_the_training_rows")
        ],
        "float32, read-only, not contiguous": [(DATA, "test_any_numeric_table_is_read_and_never_written_to")],
        "CSV with missing cells": [("objective/test_csv_files", "test_tables_that_cannot_be_used_say_what_is_wrong")],
    },
    "4 settings": {
        "lambda below 0, NaN, inf": [(BAD, "test_lambdas_that_are_none_are_refused")],
        "lambda 0": [(BAD, "test_lambda_0_is_no_penalty_to_the_last_bit")],
        "budget 0, 1, below the population, d+1, not a multiple, float": [
            (CONTRACT, "test_keeps_the_contract"),
            (STUDY, "test_budget_zero_leaves_the_start"),
        ],
        "d = 1": [(CONTRACT, "test_keeps_the_contract")],
        "bounds reversed, equal, NaN": [
            ("optimizers/test_options", "test_reversed_equal_or_missing_limits_are_refused")
        ],
        "start outside": [
            ("optimizers/test_from_scipy", "test_a_start_outside_the_box_is_refused_before_any_evaluation")
        ],
        "seed negative, None": [(CONTRACT, "test_unknown_names_get_a_suggestion")],
        "seed numpy int": [(BAD, "test_numpy_seeds_are_seeds")],
        "unknown optimizer, option, data set": [
            (CONTRACT, "test_unknown_names_get_a_suggestion"),
            (CONTRACT, "test_wrong_options_are_refused_with_a_suggestion"),
            (DATA, "test_unknown_names_get_a_suggestion"),
        ],
        "duplicate names": [(STUDY, "test_wrong_studies_are_named_before_anything_runs")],
        "limits": [(BAD, "test_limits_are_checked_before_anything_runs")],
        "an arm that cannot take the penalty": [
            (BAD, "test_an_arm_that_cannot_be_bound_is_refused_before_anything_runs")
        ],
    },
    "5 budget": {
        "at most B, counted from outside": [(CONTRACT, "test_keeps_the_contract")],
        "monotone; best equals value(best theta)": [(CONTRACT, "test_keeps_the_contract")],
        "a cut last generation": [("test_recorder", "test_a_cut_generation_evaluates_the_rows_that_fit")],
        "gradients at the stated price": [("test_recorder", "test_the_budget_is_exact")],
    },
    "6 reproducibility": {
        "same seed twice, interleaved": [(CONTRACT, "test_keeps_the_contract")],
        "serial, processes, resumed, interleaved": [
            (BAD, "test_serial_processes_resumed_and_interleaved_give_the_same_bits")
        ],
        "dask": [(STOP, "test_a_cluster_gives_the_same_bits_and_survives_its_driver")],
        "starts paired": [(STUDY, "test_starts_are_paired_and_seeds_vary_the_split")],
        "nothing global, no caller's array": [
            (CONTRACT, "test_keeps_the_contract"),
            (CONTRACT, "test_the_callers_start_is_not_written_into"),
        ],
    },
    "7 process": {
        "raises, segfaults, killed, hangs, eats memory": [
            (BAD, "test_every_other_run_stands_and_the_bad_one_is_a_row"),
            (RUNNERS, "test_only_the_bad_runs_are_lost"),
            (RUNNERS, "test_workers_killed_from_outside_lose_their_own_run_alone"),
        ],
        "the same on a cluster": [(RUNNERS, "test_a_real_cluster_loses_only_the_bad_runs")],
        "failed runs again": [(BAD, "test_retrying_runs_the_failed_ones_alone")],
        "Ctrl-C once": [(STOP, "test_ctrl_c_once_stores_what_is_under_way_and_says_how_to_go_on")],
        "Ctrl-C twice": [(STOP, "test_ctrl_c_twice_stops_now")],
        "driver killed -9, no process left": [
            (STOP, "test_a_driver_killed_at_any_moment_leaves_no_process_and_is_taken_up"),
            (RUNNERS, "test_nothing_outlives_the_driver"),
        ],
    },
    "8 store": {
        "killed in the middle of a write": [(STORE, "test_a_killed_driver_loses_no_acknowledged_run")],
        "disk full": [
            (STORE, "test_a_full_disk_loses_nothing_that_was_acknowledged"),
            (TRUST, "test_a_full_disk_stops_the_study_with_what_to_do_and_it_goes_on_from_there"),
        ],
        "read-only file or folder": [(STORE, "test_read_only_files_and_folders")],
        "a second driver": [
            (STORE, "test_a_second_driver_is_told_and_harms_nothing"),
            (STOP, "test_a_second_driver_is_told_and_status_shows_the_first"),
        ],
        "newer schema, not a database": [(STORE, "test_what_is_not_a_store_is_told_and_left_alone")],
        "truncated": [(STORE, "test_a_truncated_store_is_told_at_whatever_byte_it_ends")],
        "zero bytes": [(STORE, "test_a_missing_folder_is_made_and_zero_bytes_are_a_fresh_store")],
        "read while written": [(STORE, "test_read_while_written")],
        "spaces and unicode": [(STORE, "test_a_run_comes_back_bit_for_bit")],
    },
    "9 security": {
        "nothing unpickled or evaluated": [
            (TRUST, "test_nothing_in_a_store_is_ever_executed"),
            (TRUST, "test_our_code_has_no_unpickling_of_files_and_no_eval"),
            ("objective/test_csv_files", "test_cells_are_never_evaluated"),
        ],
        "names are no paths": [(TRUST, "test_names_never_become_paths")],
        "HTML escaped": [(PAGE, "test_hostile_text_is_only_ever_text")],
        "$ and _ in labels": [("report/test_plots", "test_labels_are_never_mathtext_nor_markup")],
        "CSV cells": [("report/test_export", "test_csv_keeps_numbers_and_disarms_formulas")],
        "JSON without NaN": [(STORE, "test_numpy_scalars_flags_and_structures_are_taken")],
    },
    "10 reports": {
        "0 runs, 1 run, all failed, one optimizer, ties": [(PAGE, "test_every_input_gives_a_page")],
        "zeros and negatives on a log axis": [
            ("report/test_style", "test_not_positive_values_lie_in_a_strip"),
            ("report/test_plots", "test_negative_readings_are_in_the_strip_not_dropped"),
        ],
        "1,000 labels": [(PAGE, "test_a_thousand_labels_stay_a_page")],
    },
}


def test_ten_groups():
    assert [group.split()[0] for group in INDEX] == [str(number) for number in range(1, 11)]


@pytest.mark.parametrize("group", INDEX)
def test_every_line_has_its_tests(group):
    for line, tests in INDEX[group].items():
        assert tests, line
        for file, name in tests:
            tree = ast.parse((TESTS / f"{file}.py").read_text(encoding="utf-8"))
            names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
            assert name in names, f"{line}: {file}.py has no {name}"
