// SPDX-License-Identifier: Apache-2.0
// From the loader to C++: two headers, one way.  Both protocols enter in 32-bit protected mode with paging
// off: multiboot 1 (GNU specification 0.6.96, section 3.2; EBX = information) and PVH (Xen
// docs/misc/pvh.pandoc; EBX = start information).
#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 0x00010003      /* page-align modules, memory map, addresses below are valid */

    .section .u0.boot, "ax"
    .code32
    // The address fields make QEMU and GRUB take an ELF64 file as one flat blob.
    .balign 4
multiboot_header:
    .long MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)
    .long multiboot_header              /* header_addr */
    .long __u0_image_start              /* load_addr: the file's first byte is at this address */
    .long __u0_load_end
    .long __u0_bss_end
    .long multiboot_entry

multiboot_entry:
    xorl %edi, %edi                     // BootProtocol::multiboot1
    jmp common
    .globl u0_entry
u0_entry:                               // PVH, and the ELF header's entry
    movl $1, %edi                       // BootProtocol::pvh
common:
    cli
    cld
    movl %ebx, %esi
    movl $boot_stack_top, %esp

    // Boot tables: the first GiB, identity, 2 MiB pages.  Replaced by core/paging.cc.
    movl $(boot_pdpt + 3), boot_pml4
    movl $(boot_pd + 3), boot_pdpt
    movl $boot_pd, %edx
    movl $0x83, %eax
1:  movl %eax, (%edx)
    addl $8, %edx
    addl $0x200000, %eax
    cmpl $(boot_pd + 4096), %edx
    jb 1b

    movl $0x6a0, %eax                   // PAE, PGE, OSFXSR, OSXMMEXCPT
    movl %eax, %cr4
    movl $boot_pml4, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx              // EFER: SCE, LME, NXE
    rdmsr
    orl $0x901, %eax
    wrmsr
    movl $0x80010033, %eax              // PG, WP, NE, ET, MP, PE
    movl %eax, %cr0
    lgdt gdt_pointer
    ljmp $0x08, $long_mode

    .code64
long_mode:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    fninit
    call u0_boot                        // (protocol, information), never returns
2:  hlt
    jmp 2b

    .section .u0.sealed.data, "aw"
    .balign 16
    .globl u0_gdt
u0_gdt:
    .quad 0
    .quad 0x00af9b000000ffff            // 0x08: code, 64 bits, accessed
    .quad 0x00cf93000000ffff            // 0x10: data, accessed
    .quad 0, 0                          // 0x18: task state segment, written by interrupts.cc
u0_gdt_end:
gdt_pointer:
    .word u0_gdt_end - u0_gdt - 1
    .quad u0_gdt

    .section .u0.init.bss, "aw", @nobits
    .balign 4096
boot_pml4: .skip 4096
boot_pdpt: .skip 4096
boot_pd:   .skip 4096

    // Each stack lies above one page that paging.cc leaves absent: an overflow faults.
    .section .u0.guarded.bss, "aw", @nobits
    .balign 4096
    .macro STACK name, size
    .globl u0_guard_\name
u0_guard_\name: .skip 4096
    .skip \size
    .globl \name
\name:
    .endm
    STACK boot_stack_top, 32768
    STACK interrupt_stack_top, 16384
    STACK exception_stack_top, 8192
    STACK emergency_stack_top, 4096

    // PVH: in an ELF64 QEMU reads eight bytes of address.
    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 8, 18
    .asciz "Xen"
    .quad u0_entry

    .section .note.GNU-stack, "", @progbits
