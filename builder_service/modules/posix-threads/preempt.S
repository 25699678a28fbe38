/* SPDX-License-Identifier: Apache-2.0 */
/* Where an interrupted thread goes on when others are to have a turn first (preempt.cc). On its stack lie,
 * above the red zone that its code may be using: flags, rip. Everything else is still in the registers. */

        .text
        .globl  u0_preempted
        .type   u0_preempted, @function
u0_preempted:
        push    %rax
        push    %rbx
        push    %rcx
        push    %rdx
        push    %rsi
        push    %rdi
        push    %rbp
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        mov     %rsp, %rbp
        and     $-16, %rsp
        call    u0_give_way             /* u0_switch saves the vector registers */
        mov     %rbp, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rbp
        pop     %rdi
        pop     %rsi
        pop     %rdx
        pop     %rcx
        pop     %rbx
        pop     %rax
        popfq
        ret     $128                    /* over the red zone */
        .size   u0_preempted, . - u0_preempted

        .section .note.GNU-stack, "", @progbits
