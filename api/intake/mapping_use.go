package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// What all expressions together may take for one request.
const (
	maxAllSteps = 5 * maxSteps
	mapWithin   = time.Second // ten times what these steps take, as machines are busy when much is wrong
)

// resultsOf is how many bytes the results for a request may have together: with each, expressions could else
// multiply a payload by a thousand.
func resultsOf(body int) int { return 4*body + 256<<10 }

// use is a mapping at work on one request.
type use struct {
	mapping *mapping
	within  context.Context // until when
	vars    map[string]any
	steps   int // that are left
	results int // bytes that are left
}

// applyTo puts a mapping to work on a payload of so many bytes. Done ends it.
func (m *mapping) applyTo(body any, size int, headers, query map[string]string) (u *use, done func()) {
	within, cancel := context.WithTimeout(context.Background(), mapWithin)
	return &use{mapping: m, within: within, steps: maxAllSteps, results: resultsOf(size),
		vars: map[string]any{"body": body, "headers": headers, "query": query}}, cancel
}

// Why an expression gives nothing for a payload, where it is not CEL that says so.
var (
	errTooDear = errors.New("takes too many steps")
	errTooSlow = errors.New("takes too long")
	errTooMuch = errors.New("gives too much")
)

// items are the elements that each gives, those of lists within it as well.
func (u *use) items() ([]any, error) {
	v, err := u.value(u.mapping.each)
	if err != nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("gives %s, no list", kindOf(v))
	}
	flat := make([]any, 0, len(list))
	for _, element := range list {
		if within, ok := element.([]any); ok {
			flat = append(flat, within...)
		} else {
			flat = append(flat, element)
		}
	}
	return flat, nil
}

// failure is a field whose expression gives nothing for a payload, and why.
type failure struct {
	field, why string
	no         int // of the alert, from 1, where each gives several; else 0
}

// note is for the details of the alert.
func (f failure) note() string { return "The mapping's " + f.field + " could not be used: " + f.why }

// String is for whoever tries the mapping.
func (f failure) String() string {
	if f.no == 0 {
		return f.note()
	}
	return fmt.Sprintf("alert %d: %s", f.no, f.note())
}

func newFailure(field string, err error) failure {
	return failure{field: field, why: cut(oneLine(err.Error()), maxSetting)}
}

// given are the fields that the mapping gives for an item; nil stands for the whole payload. Those that could
// not be worked out are missing, and null ones are nil.
func (u *use) given(item any) (given map[string]any, failed []failure) {
	u.vars["item"] = item
	given = map[string]any{}
	for _, field := range u.mapping.fields {
		v, err := u.value(field.program)
		if err != nil {
			failed = append(failed, newFailure(field.name, err))
			continue
		}
		given[field.name] = v
	}
	return given, failed
}

// value is what an expression gives, as if it had been decoded from JSON.
func (u *use) value(p cel.Program) (any, error) {
	if u.steps <= 0 {
		return nil, errTooDear
	}
	if u.within.Err() != nil { // only loops look at it themselves
		return nil, errTooSlow
	}
	out, spent, err := p.ContextEval(u.within, u.vars)
	if spent != nil && spent.ActualCost() != nil {
		u.steps -= int(min(*spent.ActualCost(), maxSteps))
	}
	if cancelled, ok := errors.AsType[interpreter.EvalCancelledError](err); ok && cancelled.Cause == interpreter.CostLimitExceeded {
		return nil, errTooDear
	}
	switch {
	case err != nil && u.within.Err() != nil:
		return nil, errTooSlow
	case err != nil:
		return nil, err
	}
	return u.native(out)
}

// native is a value of CEL as if it had been decoded from JSON.
func (u *use) native(v ref.Val) (any, error) {
	switch v := v.(type) {
	case *types.Optional:
		if !v.HasValue() {
			return nil, nil
		}
		return u.native(v.GetValue())
	case traits.Lister:
		return u.list(v)
	case traits.Mapper:
		return u.object(v)
	}
	scalar, err := scalarOf(v)
	if text, ok := scalar.(string); ok {
		return text, u.spend(len(text))
	}
	return scalar, err
}

func scalarOf(v ref.Val) (any, error) {
	switch v := v.(type) {
	case types.Null:
		return nil, nil
	case types.Bool:
		return bool(v), nil
	case types.String:
		return string(v), nil
	case types.Bytes:
		return string(v), nil
	case types.Int:
		return json.Number(strconv.FormatInt(int64(v), 10)), nil
	case types.Uint:
		return json.Number(strconv.FormatUint(uint64(v), 10)), nil
	case types.Double:
		text, err := json.Marshal(float64(v))
		if err != nil { // infinite, or not a number
			return nil, errors.New("gives no finite number")
		}
		return json.Number(text), nil
	case types.Timestamp:
		return v.Time.Format(time.RFC3339Nano), nil
	case types.Duration:
		return v.Duration.String(), nil
	}
	return nil, fmt.Errorf("gives a %s", v.Type().TypeName())
}

func (u *use) list(v traits.Lister) (any, error) {
	if list, ok := v.Value().([]any); ok { // of the payload itself
		return list, u.measure(list)
	}
	list := []any{}
	for it := v.Iterator(); it.HasNext() == types.True; {
		element, err := u.native(it.Next())
		if err == nil {
			err = u.spend(valueWeight)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, element)
	}
	return list, nil
}

func (u *use) object(v traits.Mapper) (any, error) {
	if object, ok := v.Value().(map[string]any); ok {
		return object, u.measure(object)
	}
	object := map[string]any{}
	for it := v.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		name, err := scalarOf(key)
		if err != nil {
			return nil, err
		}
		value, err := u.native(v.Get(key))
		if err == nil {
			err = u.spend(valueWeight + len(textOf(name)))
		}
		if err != nil {
			return nil, err
		}
		object[textOf(name)] = value
	}
	return object, nil
}

// measure takes the bytes of a part of the payload from what is left for results.
func (u *use) measure(v any) error {
	switch v := v.(type) {
	case string:
		return u.spend(len(v) + 2)
	case []any:
		for _, element := range v {
			if err := u.measure(element); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, value := range v {
			if err := u.spend(len(name) + 3); err != nil {
				return err
			}
			if err := u.measure(value); err != nil {
				return err
			}
		}
	}
	return u.spend(2)
}

func (u *use) spend(bytes int) error {
	if u.results -= bytes; u.results < 0 {
		return errTooMuch
	}
	return nil
}

// kindOf names a decoded JSON value to people.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "a text"
	case json.Number:
		return "a number"
	case bool:
		return "true or false"
	case []any:
		return "a list"
	}
	return "an object"
}
