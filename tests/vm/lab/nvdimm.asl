        // SPDX-License-Identifier: BSD-3-Clause
        // nvdimm.asl - what QEMU's NVDIMM root device lacks: address range scrub, clear error,
        // inject error (ACPI 6.4, 9.20.7). acpi.py replaces the device's _DSM with this.
        // Integers have 32 bits here, because the DSDT has revision 1. Therefore each address is
        // in two halves. A record is one of the ARS status: handle, reserved, address, length.
        Name (BADN, @COUNT@)                    // records in use
        Name (BADR, Buffer (0xC0) {@RECORDS@})  // room for 8
        Name (SCRB, Buffer (0x10) {})           // range of the last scrub: address, length
        Name (WORN, One)                        // the last 128 of 512 MiB cannot be cleared

        // Add a record: address low, high, length low, high. Returns 0, or 1 if there is no room.
        Method (BADD, 4, Serialized)
        {
            If ((BADN >= 0x08))
            {
                Return (One)
            }
            Local0 = (BADN * 0x18)
            CreateDWordField (BADR, Local0, HNDL)
            CreateDWordField (BADR, (Local0 + 0x08), ADDL)
            CreateDWordField (BADR, (Local0 + 0x0C), ADDH)
            CreateDWordField (BADR, (Local0 + 0x10), LENL)
            CreateDWordField (BADR, (Local0 + 0x14), LENH)
            HNDL = One
            ADDL = Arg0
            ADDH = Arg1
            LENL = Arg2
            LENH = Arg3
            BADN++
            Return (Zero)
        }

        // Whether record Arg0 lies in the range: address low, high, length.
        Method (BINR, 4, Serialized)
        {
            Local0 = (Arg0 * 0x18)
            CreateDWordField (BADR, (Local0 + 0x08), ADDL)
            CreateDWordField (BADR, (Local0 + 0x0C), ADDH)
            CreateDWordField (BADR, (Local0 + 0x10), LENL)
            If ((ADDH != Arg2))
            {
                Return (Zero)
            }
            If (((ADDL < Arg1) || ((ADDL + LENL) > (Arg1 + Arg3))))
            {
                Return (Zero)
            }
            Return (One)
        }

        // Copy record Arg1 over record Arg0.
        Method (BCPY, 2, Serialized)
        {
            CreateField (BADR, (Arg0 * 0xC0), 0xC0, BDST)
            CreateField (BADR, (Arg1 * 0xC0), 0xC0, BSRC)
            Local0 = BSRC
            BDST = Local0
        }

        // Forget the records in a range: address low, high, length.
        Method (BDEL, 3, Serialized)
        {
            Local0 = Zero
            While ((Local0 < BADN))
            {
                If (BINR (Local0, Arg0, Arg1, Arg2))
                {
                    BADN--
                    If ((Local0 != BADN))
                    {
                        BCPY (Local0, BADN)
                    }
                }
                Else
                {
                    Local0++
                }
            }
        }

        // Copy address and length of record Arg1 into entry Arg1 of an inject status.
        Method (BOUT, 2, Serialized)
        {
            CreateField (Arg0, (0x40 + (Arg1 * 0x80)), 0x80, ODST)
            CreateField (BADR, (0x40 + (Arg1 * 0xC0)), 0x80, OSRC)
            ODST = OSRC
        }

        Method (_DSM, 4, Serialized)  // _DSM: Device-Specific Method
        {
            If ((Arg0 != ToUUID ("2f10e7a4-9e91-11e4-89d3-123b93f75cba")))
            {
                Return (NCAL (Arg0, Arg1, Arg2, Arg3, Zero))
            }
            If ((Arg2 == Zero)) // which functions exist: 1 to 4, 7 to 9
            {
                Return (Buffer (0x02) {0x9F, 0x03})
            }
            If ((Arg2 == One)) // query ARS capabilities: scrubs both kinds, 4 KiB status, 256 unit
            {
                Return (Buffer (0x10)
                {
                    0x00, 0x00, 0x03, 0x00, 0x00, 0x10, 0x00, 0x00,
                    0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00
                })
            }
            If ((Arg2 == 0x03)) // query ARS status: done, and these are the records
            {
                Name (SOUT, Buffer (0xF0) {})
                CreateDWordField (SOUT, 0x04, SSIZ)
                CreateField (SOUT, 0x40, 0x80, SRNG)
                CreateWordField (SOUT, 0x28, STYP)
                CreateDWordField (SOUT, 0x2C, SNUM)
                CreateField (SOUT, 0x0180, 0x0600, SREC)
                SSIZ = (0x30 + (BADN * 0x18))
                SRNG = SCRB
                STYP = 0x02
                SNUM = BADN
                SREC = BADR
                Return (SOUT)
            }
            If ((Arg2 == 0x09)) // query what was injected
            {
                Name (IOUT, Buffer (0x88) {})
                CreateDWordField (IOUT, 0x04, INUM)
                INUM = BADN
                Local0 = Zero
                While ((Local0 < BADN))
                {
                    BOUT (IOUT, Local0)
                    Local0++
                }
                Return (IOUT)
            }

            // The other functions have a range as their argument.
            Local0 = DerefOf (Arg3 [Zero])
            CreateDWordField (Local0, Zero, RADL)
            CreateDWordField (Local0, 0x04, RADH)
            CreateDWordField (Local0, 0x08, RLNL)
            CreateDWordField (Local0, 0x0C, RLNH)
            If ((Arg2 == 0x02)) // start ARS: the answer says that it takes a second
            {
                CreateField (Local0, Zero, 0x80, RALL)
                SCRB = RALL
                Return (Buffer (0x08) {0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00})
            }
            If ((Arg2 == 0x04)) // clear uncorrectable error: all of it, or up to the worn part
            {
                Local1 = RLNL
                If ((WORN && ((RADL + RLNL) > 0x18000000)))
                {
                    If ((RADL >= 0x18000000))
                    {
                        Return (Buffer (0x10) {0x02})
                    }
                    Local1 = (0x18000000 - RADL)
                }
                BDEL (RADL, RADH, Local1)
                Name (COUT, Buffer (0x10) {})
                CreateDWordField (COUT, 0x08, CLNL)
                CreateDWordField (COUT, 0x0C, CLNH)
                CLNL = Local1
                CLNH = RLNH
                Return (COUT)
            }
            If ((Arg2 == 0x07)) // inject error, and tell the system
            {
                If (BADD (RADL, RADH, RLNL, RLNH))
                {
                    Return (Buffer (0x04) {0x02, 0x00, 0x00, 0x00})
                }
                Notify (NVDR, 0x81) // Uncorrectable Memory Error Detected
                Return (Buffer (0x04) {0x00, 0x00, 0x00, 0x00})
            }
            If ((Arg2 == 0x08)) // take an injected error back: nothing is worn any more
            {
                WORN = Zero
                BDEL (RADL, RADH, RLNL)
                Return (Buffer (0x04) {0x00, 0x00, 0x00, 0x00})
            }
            Return (Buffer (0x04) {0x01, 0x00, 0x00, 0x00}) // not supported
        }
