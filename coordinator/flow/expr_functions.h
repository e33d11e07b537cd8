/* The functions, filters and tests of expressions (docs/expressions.md), one each. Inside of
 * expr*.c. */
#ifndef CADRE_COORDINATOR_FLOW_EXPR_FUNCTIONS_H
#define CADRE_COORDINATOR_FLOW_EXPR_FUNCTIONS_H

#include "coordinator/flow/expr_eval.h"

/* expr_text.c */
expr_fn fn_abbreviate, fn_after, fn_after_last, fn_base64decode, fn_base64encode, fn_before,
    fn_before_last, fn_capitalize, fn_ends_with, fn_escape_char, fn_indent, fn_lower, fn_nindent,
    fn_replace, fn_slugify, fn_split, fn_starts_with, fn_string, fn_title, fn_trim, fn_upper,
    fn_urldecode, fn_urlencode;
expr_args_fn check_escape_char, check_replace, check_split;

/* expr_list.c */
expr_fn fn_abs, fn_chunk, fn_default, fn_defined, fn_each_output, fn_empty, fn_error_logs, fn_even,
    fn_first, fn_flatten, fn_from_json, fn_is_json, fn_is_map, fn_is_null, fn_iterable, fn_join,
    fn_keys, fn_last, fn_length, fn_max, fn_merge, fn_min, fn_number, fn_odd, fn_range, fn_reverse,
    fn_rsort, fn_slice, fn_sort, fn_to_json, fn_values;
expr_args_fn check_number;

/* expr_date.c */
expr_fn fn_date, fn_date_add, fn_now, fn_timestamp, fn_timestamp_milli;
expr_args_fn check_date, check_date_add, check_now, check_timestamp;

/* expr_jq.c */
expr_fn fn_jq;
expr_args_fn check_jq;

#endif
