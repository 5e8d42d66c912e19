package safehtml

import "golang.org/x/net/html/atom"

// makeRoom closes and opens what a parser would before an element. It says whether the element may stand there.
func (w *writer) makeRoom(a atom.Atom, k kind) bool {
	switch {
	case a == atom.Col:
		if !w.toTable() {
			return false
		}
		if w.top().a != atom.Colgroup {
			w.closeTo(w.find(atom.Table) + 1)
			w.open(atom.Colgroup, columns, &attributes{})
		}
		return true
	case k == caption, k == columns, k == section:
		if !w.toTable() {
			return false
		}
		w.closeTo(w.find(atom.Table) + 1)
		return true
	case k == row:
		if !w.toTable() {
			return false
		}
		w.toSection()
		return true
	case k == cell:
		if !w.toTable() {
			return false
		}
		w.toRow()
		return true
	}
	if w.top().k.structural() {
		w.intoCell()
	}
	switch {
	case a == atom.A:
		w.closeFrom(w.find(atom.A))
	case k == item:
		w.closeItem(atom.Li, atom.Li)
	case k == term:
		w.closeItem(atom.Dd, atom.Dt)
	}
	if k != inline && (k != void || a == atom.Hr) {
		w.closeFrom(w.find(atom.P))
		if k == heading && w.top().k == heading {
			w.closeTo(len(w.stack) - 1)
		}
	}
	return true
}

// toTable closes the cell or caption that is open in the innermost table, if there is a table.
func (w *writer) toTable() bool {
	for i := len(w.stack) - 1; i >= 0; i-- {
		switch w.stack[i].k {
		case cell, caption:
			w.closeTo(i)
			return true
		case table, section, row, columns:
			return true
		}
	}
	return false
}

// toSection makes the innermost table's section the top.
func (w *writer) toSection() {
	for i := len(w.stack) - 1; ; i-- {
		switch w.stack[i].k {
		case section:
			w.closeTo(i + 1)
			return
		case table:
			w.closeTo(i + 1)
			w.open(atom.Tbody, section, &attributes{})
			return
		}
	}
}

func (w *writer) toRow() {
	if w.top().a == atom.Tr {
		return
	}
	w.toSection()
	w.open(atom.Tr, row, &attributes{})
}

// intoCell opens a cell for what stands between the parts of a table. Browsers would move it in front of the table.
func (w *writer) intoCell() {
	w.toRow()
	w.open(atom.Td, cell, &attributes{})
}

// closeItem closes an item of the same list.
func (w *writer) closeItem(a, b atom.Atom) {
	for i := len(w.stack) - 1; i >= 0; i-- {
		switch s := w.stack[i]; {
		case s.a == a, s.a == b:
			w.closeTo(i)
			return
		case s.k != inline && s.a != atom.Address && s.a != atom.Div && s.a != atom.P:
			return
		}
	}
}

// find returns the index of the innermost open a that an end tag could mean, or -1. Nothing reaches out of a cell but parts of its table.
func (w *writer) find(a atom.Atom) int {
	k := elements[a]
	part := k.structural() || k == cell || k == caption
	for i := len(w.stack) - 1; i >= 0; i-- {
		s := w.stack[i]
		if s.a == a {
			return i
		}
		if s.k == table || !part && (s.k == cell || s.k == caption) {
			return -1
		}
	}
	return -1
}

func (w *writer) top() node {
	if len(w.stack) == 0 {
		return node{}
	}
	return w.stack[len(w.stack)-1]
}

func (w *writer) closeFrom(i int) {
	if i >= 0 {
		w.closeTo(i)
	}
}

// closeTo closes all but the n outermost elements.
func (w *writer) closeTo(n int) {
	for len(w.stack) > n {
		w.b.WriteString("</" + w.top().a.String() + ">")
		w.stack = w.stack[:len(w.stack)-1]
		w.fresh = false
	}
}
