package gunzip

import "encoding/binary"

// block reads the header of a block.
func (z *Reader) block() error {
	if z.last {
		z.state = atEnd
		return nil
	}
	header, err := z.take(3)
	if err != nil {
		return err
	}
	z.last = header&1 != 0
	switch header >> 1 {
	case 0:
		z.state = inStored
		return z.storedHeader()
	case 1:
		z.state = inHuffman
		z.useFixed()
		return nil
	case 2:
		z.state = inHuffman
		return z.dynamicHeader()
	default:
		return ErrCorrupt
	}
}

// take takes up to 16 bits.
func (z *Reader) take(n uint) (uint, error) {
	if z.n < n {
		if err := z.ready(); err != nil {
			return 0, err
		}
		for z.n < n {
			z.bits |= uint64(z.in[z.pos]) << z.n
			z.pos++
			z.n += 8
		}
	}
	taken := uint(z.bits & (1<<n - 1))
	z.bits >>= n
	z.n -= n
	return taken, nil
}

func (z *Reader) storedHeader() error {
	z.unread()
	z.bits, z.n = 0, 0 // up to the next byte
	if err := z.need(4); err != nil {
		return err
	}
	size := binary.LittleEndian.Uint16(z.in[z.pos:])
	if size != ^binary.LittleEndian.Uint16(z.in[z.pos+2:]) {
		return ErrCorrupt
	}
	z.pos += 4
	z.stored = int(size)
	return nil
}

func (z *Reader) copyStored(buf []byte, end, limit int) (int, error) {
	for z.stored > 0 && end < limit {
		if err := z.need(1); err != nil {
			return end, err
		}
		n := copy(buf[end:limit], z.in[z.pos:min(z.end, z.pos+z.stored)])
		z.pos += n
		end += n
		z.stored -= n
	}
	if z.stored == 0 {
		z.state = atBlock
	}
	return end, nil
}

func (z *Reader) useFixed() {
	if z.fixed {
		return
	}
	for i := range z.lengths {
		switch {
		case i < 144:
			z.lengths[i] = 8
		case i < 256:
			z.lengths[i] = 9
		case i < 280:
			z.lengths[i] = 7
		case i < maxLits:
			z.lengths[i] = 8
		default:
			z.lengths[i] = 5
		}
	}
	build(z.lits[:], litBits, z.lengths[:maxLits], z.symbols.lits[:])
	build(z.dists[:], distBits, z.lengths[maxLits:], z.symbols.dists[:])
	z.fixed = true
}

// dynamicHeader reads the codes of a block.
func (z *Reader) dynamicHeader() error {
	z.fixed = false
	header, err := z.take(14)
	if err != nil {
		return err
	}
	lits, dists, codes := header&31+257, header>>5&31+1, header>>10+4
	if lits > 286 || dists > 30 {
		return ErrCorrupt
	}
	order := [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	var codeLengths [19]uint8
	for _, i := range order[:codes] {
		length, err := z.take(3)
		if err != nil {
			return err
		}
		codeLengths[i] = uint8(length) //nolint:gosec // three bits
	}
	if !build(z.codeTable[:], codeBits, codeLengths[:], z.symbols.codes[:]) {
		return ErrCorrupt
	}
	lengths := z.lengths[:lits+dists]
	for i := 0; i < len(lengths); {
		symbol, err := z.lengthSymbol()
		if err != nil {
			return err
		}
		if symbol < 16 {
			lengths[i] = symbol
			i++
			continue
		}
		var repeated uint8
		var extra, least uint
		switch symbol {
		case 16:
			if i == 0 {
				return ErrCorrupt
			}
			repeated, extra, least = lengths[i-1], 2, 3
		case 17:
			extra, least = 3, 3
		default:
			extra, least = 7, 11
		}
		more, err := z.take(extra)
		if err != nil {
			return err
		}
		n := int(least + more)
		if n > len(lengths)-i {
			return ErrCorrupt
		}
		for ; n > 0; n-- {
			lengths[i] = repeated
			i++
		}
	}
	if !build(z.lits[:], litBits, lengths[:lits], z.symbols.lits[:]) ||
		!build(z.dists[:], distBits, lengths[lits:], z.symbols.dists[:]) {
		return ErrCorrupt
	}
	return nil
}

// lengthSymbol reads one symbol of the code in which the lengths are.
func (z *Reader) lengthSymbol() (uint8, error) {
	if err := z.ready(); err != nil {
		return 0, err
	}
	next := z.bits | uint64(z.in[z.pos])<<z.n
	entry := z.codeTable[next&(1<<codeBits-1)]
	if entry&special != 0 {
		return 0, ErrCorrupt
	}
	if _, err := z.take(uint(entry & takeMask)); err != nil {
		return 0, err
	}
	return uint8(entry >> valueShift), nil //nolint:gosec // at most 18
}

// decode decodes symbols into buf, to the end of the block or until end is
// limit or more.
func (z *Reader) decode(buf []byte, end, limit int) (int, error) {
	for end < limit && z.state == inHuffman {
		if err := z.ready(); err != nil {
			return end, err
		}
		var ok bool
		if end, ok = z.decodeReady(buf, end, limit); !ok {
			return end, ErrCorrupt
		}
	}
	return end, nil
}

// decodeReady is decode for the symbols that can be told from the input that was
// read. A symbol and what belongs to it has at most 48 bits: 15 of a length's
// code and 5 that follow, 15 of a distance's and 13 that follow.
func (z *Reader) decodeReady(buf []byte, end, limit int) (_ int, ok bool) {
	// Only local variables stay in registers.
	in, pos, bits, n := z.in, z.pos, z.bits, z.n
	lits, dists := &z.lits, &z.dists
	last := z.end - inputSlack
	ok = true
	for end < limit && pos-int(n>>3) <= last {
		// Now n becomes 56 or more. What is above n in bits is what is loaded there
		// again the next time.
		bits |= binary.LittleEndian.Uint64(in[pos:]) << (n & 63)
		pos += int((63 - n) >> 3)
		n |= 56
		entry := lits[bits&(1<<litBits-1)]
		if entry&literal != 0 {
			bits >>= entry & takeMask
			n -= uint(entry & takeMask)
			buf[end] = byte(entry >> valueShift) //nolint:gosec // the literal is a byte
			end++
			// Three codes of the first table are 33 bits.
			if entry = lits[bits&(1<<litBits-1)]; entry&literal == 0 {
				continue
			}
			bits >>= entry & takeMask
			n -= uint(entry & takeMask)
			buf[end] = byte(entry >> valueShift) //nolint:gosec // the literal is a byte
			end++
			if entry = lits[bits&(1<<litBits-1)]; entry&literal == 0 {
				continue
			}
			bits >>= entry & takeMask
			n -= uint(entry & takeMask)
			buf[end] = byte(entry >> valueShift) //nolint:gosec // the literal is a byte
			end++
			continue
		}
		if entry&special != 0 {
			if entry&second != 0 {
				bits >>= litBits
				n -= litBits
				entry = lits[uint64(entry>>valueShift&valueMask)+bits&(1<<(entry>>codeShift&codeMask)-1)]
			}
			if entry&(literal|special) != 0 {
				if entry&literal == 0 && entry&endBlock == 0 {
					ok = false
					break
				}
				bits >>= entry & takeMask
				n -= uint(entry & takeMask)
				if entry&literal == 0 {
					z.state = atBlock
					break
				}
				buf[end] = byte(entry >> valueShift) //nolint:gosec // the literal is a byte
				end++
				continue
			}
		}
		length := int(entry>>valueShift) + int(bits&(1<<(entry&takeMask)-1)>>(entry>>codeShift&codeMask)) //nolint:gosec // at most 258
		bits >>= entry & takeMask
		n -= uint(entry & takeMask)

		entry = dists[bits&(1<<distBits-1)]
		if entry&special != 0 {
			if entry&second != 0 {
				bits >>= distBits
				n -= distBits
				entry = dists[uint64(entry>>valueShift&valueMask)+bits&(1<<(entry>>codeShift&codeMask)-1)]
			}
			if entry&special != 0 {
				ok = false
				break
			}
		}
		distance := int(entry>>valueShift) + int(bits&(1<<(entry&takeMask)-1)>>(entry>>codeShift&codeMask)) //nolint:gosec // at most 32768
		bits >>= entry & takeMask
		n -= uint(entry & takeMask)
		if distance > end {
			ok = false
			break
		}
		from, to := end-distance, end+length
		switch {
		case distance >= 8:
			for ; end < to; end, from = end+8, from+8 {
				binary.LittleEndian.PutUint64(buf[end:], binary.LittleEndian.Uint64(buf[from:]))
			}
		default:
			for ; end < to; end, from = end+1, from+1 {
				buf[end] = buf[from]
			}
		}
		end = to
	}
	z.pos, z.bits, z.n = pos, bits, n
	return end, ok
}
