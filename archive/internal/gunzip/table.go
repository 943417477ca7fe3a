package gunzip

import "math/bits"

// A code of Huffman is looked up in a table by the next bits of the input.
// Longer codes lead to a second table, behind the first. An entry is
//
//	bits 0–7    how many bits to take: the code's, and those that follow it
//	bits 8–11   how many of them are the code's
//	bits 16–30  the literal, or the smallest length or distance; to it the bits
//	            that follow the code are added
//	bit 31      it is a literal
//	bit 15      it is something special: one of bits 13 and 14, or no code at all
//	bit 14      a second table: it begins at bits 16–30, is indexed by as many
//	            bits as bits 8–11 tell, after those that bits 0–7 tell
//	bit 13      the end of the block
const (
	literal  = 1 << 31
	special  = 1 << 15
	second   = 1 << 14
	endBlock = 1 << 13

	valueShift = 16
	valueMask  = 1<<15 - 1
	codeShift  = 8
	codeMask   = 15
	takeMask   = 63 // of bits 0–7, which are no more
)

const (
	maxLits  = 288
	maxDists = 32
	maxCode  = 15 // bits
	litBits  = 11
	distBits = 8
	codeBits = 7
	// Of a second table at least two codes make use.
	litSize  = 1<<litBits + maxLits/2<<(maxCode-litBits)
	distSize = 1<<distBits + maxDists/2<<(maxCode-distBits)
)

type (
	litTable  [litSize]uint32
	distTable [distSize]uint32
)

// symbols are the entries of all symbols, without their codes.
type symbols struct {
	lits  [maxLits]uint32
	dists [maxDists]uint32
	codes [19]uint32 // of the lengths of codes
}

func (s *symbols) init() {
	for i := range s.lits[:256] {
		s.lits[i] = literal | uint32(i)<<valueShift
	}
	s.lits[256] = special | endBlock
	base := uint32(3)
	for i := range s.lits[257:285] {
		extra := max(i/4-1, 0)
		s.lits[257+i] = base<<valueShift | uint32(extra)
		base += 1 << extra
	}
	s.lits[285] = 258 << valueShift
	s.lits[286], s.lits[287] = special, special
	base = 1
	for i := range s.dists[:30] {
		extra := max(i/2-1, 0)
		s.dists[i] = base<<valueShift | uint32(extra)
		base += 1 << extra
	}
	s.dists[30], s.dists[31] = special, special
	for i := range s.codes {
		s.codes[i] = uint32(i) << valueShift
	}
}

// build makes a table whose first part is indexed by so many bits, of the
// lengths of the codes of all symbols. It reports whether there is such a code:
// one with codes to spare is none, unless it is of one symbol, or of none at
// all.
func build(table []uint32, tableBits int, lengths []uint8, symbols []uint32) bool {
	var count, next, start [maxCode + 1]int
	longest := 0
	for _, length := range lengths {
		count[length]++
		longest = max(longest, int(length))
	}
	count[0] = 0
	free, code, before := 1, 0, 0
	for length := 1; length <= maxCode; length++ {
		code = (code + count[length-1]) << 1
		next[length] = code
		before += count[length-1]
		start[length] = before
		free = free<<1 - count[length]
		if free < 0 {
			return false
		}
	}
	if free > 0 {
		if before+count[maxCode] > 1 || longest > 1 {
			return false
		}
		for i := range table[:1<<tableBits] {
			table[i] = special
		}
	}
	var sorted [maxLits]uint16 // by their codes
	for symbol, length := range lengths {
		if length > 0 {
			sorted[start[length]] = uint16(symbol)
			start[length]++
		}
	}
	secondBits := longest - tableBits
	prefix, secondStart, end := -1, 0, 1<<tableBits
	for _, symbol := range sorted[:before+count[maxCode]] {
		length := int(lengths[symbol])
		code := int(bits.Reverse16(uint16(next[length])) >> (16 - length)) //nolint:gosec // at most 15 bits
		next[length]++
		part, step, first := table[:1<<tableBits], length, code
		if length > tableBits {
			if p := code & (1<<tableBits - 1); p != prefix {
				prefix, secondStart = p, end
				end += 1 << secondBits
				table[p] = special | second | uint32(secondStart<<valueShift|secondBits<<codeShift|tableBits) //nolint:gosec // 31 bits
			}
			part, step, first = table[secondStart:end], length-tableBits, code>>tableBits
		}
		entry := symbols[symbol] + uint32(step|step<<codeShift) //nolint:gosec // 12 bits
		for i := first; i < len(part); i += 1 << step {
			part[i] = entry
		}
	}
	return true
}
