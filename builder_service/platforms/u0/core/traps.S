// SPDX-License-Identifier: Apache-2.0
// One stub for each vector: an even stack frame (u0::TrapFrame), all general registers, then C++.
    .macro VECTOR number
    .balign 16
    .if (\number == 8) || (\number == 10) || (\number == 11) || (\number == 12) || (\number == 13) || (\number == 14) || (\number == 17) || (\number == 21)
    .else
    pushq $0                            // vectors without an error code
    .endif
    pushq $\number
    jmp trap
    .endm

    .text
    .balign 16
    .globl u0_vectors
u0_vectors:                             // 64 stubs, 16 bytes each
    .set n, 0
    .rept 64
    VECTOR n
    .set n, n + 1
    .endr

trap:
    cld
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, %rdi
    call u0_trap
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rbp
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
    addq $16, %rsp
    iretq

    .section .note.GNU-stack, "", @progbits
