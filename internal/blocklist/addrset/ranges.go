package addrset

func (r Range4) before(o Range4) bool       { return r.Last < o.First }
func (r Range4) apart(o Range4) bool        { return r.Last < o.First && o.First-r.Last > 1 }
func (r Range4) startsBefore(o Range4) bool { return r.First < o.First }
func (r Range4) endsBefore(o Range4) bool   { return r.Last < o.Last }

func (r Range4) hull(o Range4) Range4 {
	return Range4{min(r.First, o.First), max(r.Last, o.Last)}
}

func (r Range4) overlap(o Range4) Range4 {
	return Range4{max(r.First, o.First), min(r.Last, o.Last)}
}

func (r Range4) leftOf(o Range4) (Range4, bool) {
	return Range4{r.First, o.First - 1}, r.First < o.First
}

func (r Range4) rightOf(o Range4) (Range4, bool) {
	return Range4{o.Last + 1, r.Last}, o.Last < r.Last
}

func (r Range6) before(o Range6) bool       { return r.Last.less(o.First) }
func (r Range6) apart(o Range6) bool        { return r.Last.less(o.First) && r.Last.plus(one6) != o.First }
func (r Range6) startsBefore(o Range6) bool { return r.First.less(o.First) }
func (r Range6) endsBefore(o Range6) bool   { return r.Last.less(o.Last) }

func (r Range6) hull(o Range6) Range6 {
	return Range6{least(r.First, o.First), greatest(r.Last, o.Last)}
}

func (r Range6) overlap(o Range6) Range6 {
	return Range6{greatest(r.First, o.First), least(r.Last, o.Last)}
}

func (r Range6) leftOf(o Range6) (Range6, bool) {
	return Range6{r.First, o.First.minus(one6)}, r.First.less(o.First)
}

func (r Range6) rightOf(o Range6) (Range6, bool) {
	return Range6{o.Last.plus(one6), r.Last}, o.Last.less(r.Last)
}

func least(a, b Addr6) Addr6 {
	if b.less(a) {
		return b
	}
	return a
}

func greatest(a, b Addr6) Addr6 {
	if a.less(b) {
		return b
	}
	return a
}
