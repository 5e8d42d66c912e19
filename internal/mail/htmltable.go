package mail

// A tableRow is the row that is being read of an open table.
type tableRow struct {
	cells   int
	empty   bool // nothing was written in it so far
	breaks  int  // line ends before its text
	follows bool // one that was on one line
	layout  bool // it places what is no table: cells are paragraphs
}

// oneLine says whether the row is one of data so far, and all on one line.
func (row *tableRow) oneLine(r *renderer) bool {
	return !row.empty && !row.layout && row.breaks == r.breaks
}

// tableMax bounds how many tables in tables are told apart.
const tableMax = 50

func (r *renderer) openTable(layout bool) {
	r.endRow()
	if n := len(r.rows); n > 0 {
		r.rows[n-1].layout = true // who puts tables into tables makes pages
	}
	if len(r.rows) < tableMax {
		r.rows = append(r.rows, tableRow{empty: true, layout: layout})
	}
}

func (r *renderer) closeTable() {
	r.endRow()
	r.tables = max(r.tables-1, 0)
	r.rows = r.rows[:min(len(r.rows), r.tables)]
}

func (r *renderer) openRow() {
	r.endRow()
	if n := len(r.rows); n > 0 {
		row := &r.rows[n-1]
		follows := row.cells > 1 && row.oneLine(r)
		if follows {
			r.lines = 1
		}
		*row = tableRow{empty: true, layout: row.layout, follows: follows}
	}
}

// endRow forgets the tabs behind which nothing came.
func (r *renderer) endRow() { r.tabs, r.inRow = 0, false }

// openCell puts a tab between the cells of a row. Where all before it is on one line, the paragraphs that Outlook puts
// into every cell end no line.
func (r *renderer) openCell() {
	n := len(r.rows)
	if n == 0 {
		return
	}
	row := &r.rows[n-1]
	if row.cells == 0 {
		r.inRow = row.follows
	} else {
		if row.oneLine(r) {
			r.lines, r.inRow = 0, true
		}
		if r.lines == 0 && r.wrote {
			r.space = false
			r.tabs++
		}
	}
	row.cells++
}
