// SPDX-License-Identifier: Apache-2.0
//
// The smallest guest that shows whether KVM really runs guests: a multiboot 1 kernel (Multiboot
// Specification 0.6.96, section 3.1, address fields) that switches paging and long mode on, computes with
// SSE2 and writes a line to the first serial port, then powers off (ACPI S5 by the PM1a control register
// that SeaBIOS puts at 0x604). Hosts whose KVM only emulates stop at the SSE instruction.
    .section .rodata
    .globl unikernel_kvm_probe_begin, unikernel_kvm_probe_end
    .set BASE, 0x100000
    .set MAGIC, 0x1BADB002
    .set FLAGS, 0x00010000
    .set PML4, BASE + 0x4000
    .set PDPT, BASE + 0x5000
    .set PD, BASE + 0x6000
    .set STACK, BASE + 0x8000
    .balign 16
    .code32
unikernel_kvm_probe_begin:
    .long MAGIC, FLAGS, -(MAGIC + FLAGS)
    .long BASE, BASE, 0, STACK, BASE + (entry - unikernel_kvm_probe_begin)
entry:
    cli
    movl $(PDPT + 3), PML4              // identity map of the first GiB in 2 MiB pages
    movl $(PD + 3), PDPT
    mov $PD, %edi
    mov $0x83, %eax
    mov $512, %ecx
1:  mov %eax, (%edi)
    movl $0, 4(%edi)
    add $0x200000, %eax
    add $8, %edi
    loop 1b
    mov $0x620, %eax                    // CR4: PAE, OSFXSR, OSXMMEXCPT
    mov %eax, %cr4
    mov $PML4, %eax
    mov %eax, %cr3
    mov $0xC0000080, %ecx               // EFER.LME
    rdmsr
    or $0x100, %eax
    wrmsr
    mov $0x80000013, %eax               // CR0: PG, ET, MP, PE
    mov %eax, %cr0
    lgdt BASE + (gdt_pointer - unikernel_kvm_probe_begin)
    ljmp $8, $(BASE + (long_mode - unikernel_kvm_probe_begin))
    .code64
long_mode:
    mov $16, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $STACK, %rsp
    movabs $0x0123456789abcdef, %rax
    movq %rax, %xmm0
    paddq %xmm0, %xmm0
    movq %xmm0, %rcx
    add %rax, %rax
    cmp %rax, %rcx
    jne 4f
    mov $(BASE + (message - unikernel_kvm_probe_begin)), %esi
1:  mov $0x3fd, %dx                     // line status: transmitter empty?
2:  in %dx, %al
    test $0x20, %al
    jz 2b
    lodsb
    test %al, %al
    jz 3f
    mov $0x3f8, %dx
    out %al, %dx
    jmp 1b
3:  mov $0x604, %dx
    mov $0x2000, %ax
    out %ax, %dx
4:  hlt
    jmp 4b
message:
    .asciz "u0: sealed\n"
    .balign 8
gdt:
    .quad 0, 0x00209a0000000000, 0x0000920000000000
gdt_pointer:
    .word 23
    .long BASE + (gdt - unikernel_kvm_probe_begin)
unikernel_kvm_probe_end:
    .section .note.GNU-stack, "", @progbits
