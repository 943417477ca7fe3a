package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Count is how many of all documented items the library has.
type Count struct{ Got, All int }

func (c Count) String() string {
	if c.All == 0 {
		return "none"
	}
	return fmt.Sprintf("%d of %d", c.Got, c.All)
}

// CheckOperations finds operations that no method calls, and operations that several
// methods call.
func CheckOperations(d *Description, exchanges []*Exchange) (count Count, problems []string) {
	callers := map[string][]string{}
	for _, x := range exchanges {
		if x.Operation != nil && !slices.Contains(callers[x.Operation.ID], x.Call.Method.String()) {
			callers[x.Operation.ID] = append(callers[x.Operation.ID], x.Call.Method.String())
		}
	}
	for _, operation := range d.Operations {
		count.All++
		switch by := callers[operation.ID]; len(by) {
		case 0:
			problems = append(problems, fmt.Sprintf("no method calls %s (%s %s)", operation.ID, operation.Method, operation.Path))
		case 1:
			count.Got++
		default:
			problems = append(problems, fmt.Sprintf("%s is called by %s", operation.ID, strings.Join(by, " and ")))
		}
	}
	return count, problems
}

// CheckMethods finds methods that do not call exactly one operation.
func CheckMethods(methods []Method, exchanges []*Exchange) (problems []string) {
	called := map[string]map[string]bool{}
	for _, x := range exchanges {
		if x.Operation != nil {
			if called[x.Call.Method.String()] == nil {
				called[x.Call.Method.String()] = map[string]bool{}
			}
			called[x.Call.Method.String()][x.Operation.ID] = true
		}
	}
	for _, method := range methods {
		if ids := slices.Sorted(maps.Keys(called[method.String()])); len(ids) != 1 {
			problems = append(problems, fmt.Sprintf("%s calls %d operations: %s", method, len(ids), strings.Join(ids, ", ")))
		}
	}
	return problems
}

// Lacking returns the operations that other products have, and this product lacks.
func Lacking(d *Description, all []*Description) []string {
	others := map[string]bool{}
	for _, other := range all {
		for _, operation := range other.Operations {
			others[operation.ID] = true
		}
	}
	for _, operation := range d.Operations {
		delete(others, operation.ID)
	}
	return slices.Sorted(maps.Keys(others))
}
